import { useState, type FormEvent } from 'react';
import { fieldError } from '~/app/errors';

type Rules<T> = { [K in keyof T]?: (value: string, all: T) => string | null };

/** A form's values, which of them were touched, and its one submission at a time; input is kept on failure. */
export function useForm<T extends Record<string, string>>(start: T, rules: Rules<T>, onSubmit: (values: T) => Promise<void>) {
  const [values, setValues] = useState(start);
  const [touched, setTouched] = useState<Partial<Record<keyof T, boolean>>>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const problem = (key: keyof T) => rules[key]?.(values[key] ?? '', values) ?? null;
  const valid = Object.keys(start).every((key) => problem(key) === null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setTouched(Object.fromEntries(Object.keys(start).map((k) => [k, true])) as Record<keyof T, boolean>);
    if (!valid) return;
    setBusy(true);
    setError(null);
    try {
      await onSubmit(values);
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  };
  const input = (key: keyof T & string) => ({
    name: key,
    value: values[key],
    onChange: (event: { target: { value: string } }) => {
      setValues((v) => ({ ...v, [key]: event.target.value }));
      // What the server said of a field counts until it is changed.
      if (fieldError(error, `/${key}`)) setError(null);
    },
    onBlur: () => setTouched((t) => ({ ...t, [key]: true })),
  });
  const shown = (key: keyof T & string) => (touched[key] ? problem(key) : null) ?? fieldError(error, `/${key}`);
  return { values, busy, error, valid, submit: (event: FormEvent) => void submit(event), input, shown };
}
