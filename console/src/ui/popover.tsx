import { Popover as Base } from '@base-ui/react/popover';
import type { ReactElement, ReactNode } from 'react';

interface PopoverProps {
  trigger: ReactElement<Record<string, unknown>>;
  title: string;
  children: ReactNode;
  align?: 'start' | 'end';
}

export function Popover({ trigger, title, children, align = 'end' }: PopoverProps) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner align={align} sideOffset={4} collisionPadding={12} className="z-50">
          <Base.Popup className="pop flex max-h-[min(70dvh,var(--available-height))] w-80 max-w-[calc(100vw-1.5rem)] origin-(--transform-origin) flex-col overflow-hidden">
            <Base.Title className="sr-only">{title}</Base.Title>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
