import { Check, Dot } from 'lucide-react';
import { useState, type ComponentProps } from 'react';
import { cx } from '~/ui/cx';
import { Field, Input } from '~/ui/field';
import { passwordRules, type Own } from './rules';

interface NewPasswordProps extends Omit<ComponentProps<'input'>, 'value'> {
  label?: string;
  value: string;
  own?: Own;
  error?: string | null;
}

/** A new password: what is asked of it is said while it is typed. */
export function NewPassword({ label = 'Password', value, own, error, ...rest }: NewPasswordProps) {
  const rules = passwordRules(value, own);
  return (
    <div>
      <Field label={label} error={value === '' ? error : null}>
        {(ids) => <ShownOnWish {...ids} {...rest} value={value} autoComplete="new-password" aria-invalid={error ? true : undefined} />}
      </Field>
      <ul aria-label="What is asked of a password" className="mt-1.5 flex flex-col gap-0.5 text-xs">
        {rules.map((rule) => (
          <li key={rule.text} className={cx('flex items-start gap-1', rule.kept ? 'text-ok' : error && value !== '' ? 'text-danger' : 'text-faint')}>
            {rule.kept ? <Check aria-hidden className="mt-0.5 size-3.5 shrink-0" /> : <Dot aria-hidden className="mt-0.5 size-3.5 shrink-0" />}
            <span>
              {rule.text}
              <span className="sr-only">{rule.kept ? ': kept' : ': not yet'}</span>
            </span>
          </li>
        ))}
      </ul>
      {error && value !== '' && rules.every((rule) => rule.kept) ? <p className="mt-1 text-xs text-danger">{error}</p> : null}
    </div>
  );
}

/** A password that can be looked at before it is sent. */
export function ShownOnWish(props: ComponentProps<'input'>) {
  const [shown, setShown] = useState(false);
  return (
    <div className="relative">
      <Input {...props} type={shown ? 'text' : 'password'} className="pr-14" spellCheck={false} autoCapitalize="off" />
      <button
        type="button"
        aria-pressed={shown}
        aria-label={shown ? 'Hide the password' : 'Show the password'}
        onClick={() => setShown(!shown)}
        className="absolute inset-y-0 right-1 my-auto h-6 rounded px-1.5 text-xs text-muted hover:bg-hover hover:text-ink pointer-coarse:h-8"
      >
        {shown ? 'Hide' : 'Show'}
      </button>
    </div>
  );
}
