import { Menu as Base } from '@base-ui/react/menu';
import { MoreHorizontal } from 'lucide-react';
import type { ReactElement, ReactNode } from 'react';
import { cx } from './cx';

interface MenuProps {
  trigger: ReactElement<Record<string, unknown>>;
  children: ReactNode;
  align?: 'start' | 'end';
}

export function Menu({ trigger, children, align = 'end' }: MenuProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={4} className="z-50">
          <Base.Popup className="pop max-h-[60dvh] min-w-44 origin-(--transform-origin) overflow-y-auto p-1">{children}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}

/** The menu behind three dots: what can be done with the thing of that name. */
export function ActionsMenu({ name, children }: { name: string; children: ReactNode }) {
  return (
    <Menu
      trigger={
        <button type="button" aria-label={`Actions for ${name}`} className="inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-ink pointer-coarse:size-9">
          <MoreHorizontal className="size-4" />
        </button>
      }
    >
      {children}
    </Menu>
  );
}

interface MenuItemProps {
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, danger, disabled, onSelect, children }: MenuItemProps) {
  return (
    <Base.Item
      onClick={onSelect}
      disabled={disabled ?? false}
      className={cx(
        'flex h-8 cursor-default items-center gap-2 rounded-md px-2 text-sm outline-none data-disabled:opacity-50 data-highlighted:bg-hover pointer-coarse:h-10 [&>svg]:size-4 [&>svg]:shrink-0',
        danger ? 'text-danger' : '[&>svg]:text-faint',
      )}
    >
      {icon}
      {children}
    </Base.Item>
  );
}

export function MenuSeparator() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}
