import { useId } from 'react';
import type { PermissionInfo } from '~/api';

interface PermissionPickerProps {
  label: string;
  permissions: PermissionInfo[];
  /** What one may do oneself: nothing else can be handed on. */
  mine: readonly string[];
  /** Chosen in any case. */
  always?: readonly string[];
  chosen: readonly string[];
  onChange: (chosen: readonly string[]) => void;
}

/** Permissions to tick, by what they are about. */
export function PermissionPicker({ label, permissions, mine, always = [], chosen, onChange }: PermissionPickerProps) {
  const id = useId();
  return (
    <fieldset className="min-w-0">
      <legend className="mb-1.5 text-xs font-medium text-muted">{label}</legend>
      <div className="grid gap-x-4 gap-y-1 rounded-lg border p-3 sm:grid-cols-2">
        {permissions.map((p) => {
          const held = mine.includes(p.name);
          const fixed = always.includes(p.name);
          return (
            <label key={p.name} htmlFor={`${id}-${p.name}`} className="flex items-start gap-2 py-0.5 pointer-coarse:py-1.5">
              <input
                id={`${id}-${p.name}`}
                type="checkbox"
                className="mt-0.5 size-3.5 shrink-0 accent-(--accent)"
                checked={fixed || chosen.includes(p.name)}
                disabled={fixed || (!held && !chosen.includes(p.name))}
                onChange={(e) => onChange(e.target.checked ? [...chosen, p.name] : chosen.filter((c) => c !== p.name))}
              />
              <span className="min-w-0 font-mono text-xs">
                {p.name}
                <span className="block font-sans text-muted">
                  {p.description}
                  {held || fixed ? '' : ' You lack it yourself.'}
                </span>
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  );
}
