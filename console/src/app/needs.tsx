import type { ReactNode } from 'react';
import { useCan } from './project';

/** Shows what acts on the project's things only to those who may; others see `instead`, or nothing. */
export function Needs({ permission, children, instead = null }: { permission: string; children: ReactNode; instead?: ReactNode }) {
  return useCan(permission) ? children : instead;
}
