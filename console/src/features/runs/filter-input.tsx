import { ListFilter, X } from 'lucide-react';
import { useId, useRef, useState, type KeyboardEvent } from 'react';
import { cx } from '~/ui/cx';
import { complete, faultPosition, type Vocabulary } from './grammar';

interface FilterInputProps {
  value: string;
  vocabulary: Vocabulary;
  error: string | null;
  onApply: (filter: string) => void;
}

/** One line of the search grammar: completes keys and operators, and points at the server's complaint. */
export function FilterInput({ value, vocabulary, error, onApply }: FilterInputProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const [applied, setApplied] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  // Going back and forward changes the address: the line follows.
  if (applied !== value) {
    setApplied(value);
    setText(value);
  }
  const completion = complete(text, caret, vocabulary);
  const suggestions = open ? completion.suggestions : [];
  const shownError = error && text === value ? error : null;
  const position = shownError ? faultPosition(shownError) : null;

  const insert = (index: number) => {
    const suggestion = completion.suggestions[index];
    if (!suggestion) return;
    const after = text.slice(completion.end).replace(/^\s+/, '');
    const next = text.slice(0, completion.start) + suggestion.insert;
    setText(next + after);
    setCaret(next.length);
    setActive(-1);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(next.length, next.length);
    });
  };
  const apply = (filter: string) => {
    setOpen(false);
    setActive(-1);
    onApply(filter.trim());
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const count = suggestions.length;
    if (event.key === 'ArrowDown' && completion.suggestions.length > 0) {
      setOpen(true);
      setActive((a) => Math.min(a + 1, completion.suggestions.length - 1));
    } else if (event.key === 'ArrowUp' && count > 0) setActive((a) => Math.max(a - 1, -1));
    else if (event.key === 'Enter') {
      if (active >= 0 && count > 0) insert(active);
      else apply(text);
    } else if (event.key === 'Tab' && active >= 0 && count > 0) insert(active);
    else if (event.key === 'Escape') {
      if (!open) return;
      setOpen(false);
      setActive(-1);
    } else return;
    event.preventDefault();
  };

  return (
    <div className="relative min-w-0 flex-1 basis-72">
      <div className={cx('flex h-8 items-center gap-2 rounded-md border bg-surface px-2 focus-within:border-accent pointer-coarse:h-10', shownError ? 'border-danger' : 'border-line-strong/70')}>
        <ListFilter aria-hidden className="size-4 shrink-0 text-faint" />
        <input
          ref={input}
          role="combobox"
          aria-label="Filter runs"
          aria-autocomplete="list"
          aria-expanded={suggestions.length > 0}
          aria-controls={`${id}-list`}
          aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
          aria-invalid={shownError ? true : undefined}
          aria-describedby={shownError ? `${id}-error` : undefined}
          placeholder="metrics.loss < 0.3 AND params.model = 'tree'"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          className="h-full min-w-0 flex-1 bg-transparent font-mono text-xs outline-none"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setCaret(event.target.selectionStart ?? event.target.value.length);
            setOpen(true);
            setActive(-1);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onFocus={() => setOpen(true)}
          onBlur={() => {
            setOpen(false);
            setActive(-1);
          }}
          onKeyDown={onKeyDown}
        />
        {text ? (
          <button
            type="button"
            aria-label="Clear filter"
            className="text-faint hover:text-ink"
            onClick={() => {
              setText('');
              apply('');
            }}
          >
            <X className="size-4" />
          </button>
        ) : null}
      </div>
      {suggestions.length > 0 ? (
        <div id={`${id}-list`} role="listbox" aria-label="Completions" className="pop absolute top-full left-0 z-30 mt-1 max-h-72 w-full max-w-xl overflow-y-auto p-1">
          {suggestions.map((s, index) => (
            // Keys go to the input, which names the active option.
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={`${s.note} ${s.label}`}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === active}
              ref={(element) => {
                if (index === active) element?.scrollIntoView({ block: 'nearest' });
              }}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => insert(index)}
              className={cx('flex min-h-7 cursor-default items-center justify-between gap-3 rounded px-2 font-mono text-xs pointer-coarse:min-h-9', index === active ? 'bg-hover' : 'hover:bg-hover')}
            >
              <span className="truncate">{s.label}</span>
              <span className="font-sans text-2xs text-faint">{s.note}</span>
            </div>
          ))}
        </div>
      ) : null}
      {shownError ? (
        <div id={`${id}-error`} role="alert" className="mt-1 text-xs text-danger">
          {position !== null ? (
            <pre aria-hidden className="overflow-x-auto rounded bg-danger-soft px-2 py-1 font-mono leading-4 text-ink">
              {value}
              {'\n'}
              <span className="text-danger">{`${' '.repeat(Math.min(position, value.length))}▲`}</span>
            </pre>
          ) : null}
          <p className="mt-1">{shownError}</p>
        </div>
      ) : null}
    </div>
  );
}
