import { Dialog as Base } from '@base-ui/react/dialog';
import { useQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { Activity, Box, CircleUser, Database, FlaskConical, House, Lightbulb, Moon, Search, Settings2, Sparkles, Sun } from 'lucide-react';
import { useDeferredValue, useId, useState, type KeyboardEvent, type ReactNode } from 'react';
import { tabs as account } from '~/features/account/tabs';
import { isOpenTo, sections } from '~/features/admin/nav';
import { findThings } from '~/features/home/find';
import { cx } from '~/ui/cx';
import { useMe, useProject } from './project';
import { setTheme } from './theme';

interface Command {
  id: string;
  group: 'Go to' | 'Experiments' | 'Runs' | 'Models' | 'Data' | 'Actions';
  label: string;
  note?: string;
  icon: ReactNode;
  run: () => void;
}

/** ⌘K: finds experiments, runs, models and datasets of the project, and runs actions. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const project = useProject();
  const [text, setText] = useState('');
  const [active, setActive] = useState(0);
  const listId = useId();
  const q = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ['find', project, q],
    queryFn: () => findThings(q),
    enabled: q.length > 0,
    placeholderData: (previous) => previous,
  });
  const fixed = useFixedCommands(project);
  const things = useFoundCommands(project, q ? found.data : undefined);
  const words = q.toLowerCase();
  const commands = [...things, ...fixed.filter((c) => c.label.toLowerCase().includes(words))];
  const chosen = Math.min(active, Math.max(0, commands.length - 1));

  const pick = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setActive(Math.min(chosen + 1, commands.length - 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(chosen - 1, 0));
    else if (event.key === 'Enter') pick(commands[chosen]);
    else return;
    event.preventDefault();
  };

  return (
    <Base.Root open onOpenChange={(open) => !open && onClose()}>
      <Base.Portal>
        <Base.Backdrop className="scrim fixed inset-0 z-40" />
        <Base.Popup className="pop fixed top-[10dvh] left-1/2 z-50 flex max-h-[70dvh] w-[calc(100vw-1.5rem)] max-w-xl -translate-x-1/2 flex-col overflow-hidden rounded-xl">
          <Base.Title className="sr-only">Search and commands</Base.Title>
          <div className="flex items-center gap-2.5 border-b px-4">
            <Search aria-hidden className="size-4 shrink-0 text-faint" />
            <input
              role="combobox"
              aria-expanded="true"
              aria-controls={listId}
              aria-activedescendant={commands[chosen] ? `${listId}-${commands[chosen].id}` : undefined}
              aria-label="Find an experiment, run, model or dataset, or run an action"
              placeholder="Find an experiment, run, model or dataset…"
              className="h-12 w-full bg-transparent text-base outline-none"
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setActive(0);
              }}
              onKeyDown={onKeyDown}
            />
          </div>
          <div id={listId} role="listbox" aria-label="Results" className="overflow-y-auto p-1.5">
            {commands.map((command, index) => (
              <div key={command.id}>
                {command.group !== commands[index - 1]?.group ? (
                  <div aria-hidden className="px-2 pt-2 pb-1 text-2xs font-medium text-faint">
                    {command.group}
                  </div>
                ) : null}
                {/* Keys go to the input, which names the active option. */}
                {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events */}
                <div
                  id={`${listId}-${command.id}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === chosen}
                  ref={(element) => {
                    if (index === chosen) element?.scrollIntoView({ block: 'nearest' });
                  }}
                  onClick={() => pick(command)}
                  onMouseMove={() => setActive(index)}
                  className={cx('flex h-9 cursor-default items-center gap-2.5 rounded-md px-2 [&>svg]:size-4 [&>svg]:shrink-0 [&>svg]:text-faint', index === chosen && 'bg-hover')}
                >
                  {command.icon}
                  <span className="truncate">{command.label}</span>
                  {command.note ? <span className="ml-auto shrink-0 text-xs text-faint">{command.note}</span> : null}
                </div>
              </div>
            ))}
            {commands.length === 0 ? (
              <p role="status" className="px-3 py-6 text-center text-muted">
                {found.isFetching ? 'Searching…' : 'Nothing has this name.'}
              </p>
            ) : null}
          </div>
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function useFixedCommands(project: string): Command[] {
  const { navigate } = useRouter();
  const me = useMe();
  const params = { project };
  return [
    { id: 'home', group: 'Go to', label: 'Home', icon: <House />, run: () => void navigate({ to: '/p/$project', params }) },
    { id: 'experiments', group: 'Go to', label: 'Experiments', icon: <FlaskConical />, run: () => void navigate({ to: '/p/$project/experiments', params }) },
    { id: 'models', group: 'Go to', label: 'Models', icon: <Box />, run: () => void navigate({ to: '/p/$project/models', params }) },
    { id: 'automl', group: 'Go to', label: 'AutoML', icon: <Sparkles />, run: () => void navigate({ to: '/p/$project/automl', params }) },
    { id: 'explanations', group: 'Go to', label: 'Explanations', icon: <Lightbulb />, run: () => void navigate({ to: '/p/$project/automl/explanations', params }) },
    { id: 'data', group: 'Go to', label: 'Data', icon: <Database />, run: () => void navigate({ to: '/p/$project/datasets', params }) },
    ...sections.flatMap((section) =>
      section.places
        .filter((place) => isOpenTo(place, me) && !place.to.endsWith('/mailbox'))
        .map((place): Command => ({ id: place.to.replace(/\W+/g, '-'), group: 'Go to', label: place.label, note: 'Administration', icon: <Settings2 />, run: () => void navigate({ to: place.to, params }) })),
    ),
    ...account.map((place): Command => ({ id: place.to.replace(/\W+/g, '-'), group: 'Go to', label: place.label, note: 'Your account', icon: <CircleUser />, run: () => void navigate({ to: place.to, params }) })),
    { id: 'find-model', group: 'Actions', label: 'Find a model', icon: <Sparkles />, run: () => void navigate({ to: '/p/$project/automl/new', params }) },
    { id: 'light', group: 'Actions', label: 'Light theme', icon: <Sun />, run: () => setTheme('light') },
    { id: 'dark', group: 'Actions', label: 'Dark theme', icon: <Moon />, run: () => setTheme('dark') },
  ];
}

function useFoundCommands(project: string, found: Awaited<ReturnType<typeof findThings>> | undefined): Command[] {
  const { navigate } = useRouter();
  if (!found) return [];
  return [
    ...found.experiments.map((e): Command => ({
      id: `experiment-${e.id}`,
      group: 'Experiments',
      label: e.name,
      icon: <FlaskConical />,
      run: () => void navigate({ to: '/p/$project/experiments/$experimentId', params: { project, experimentId: e.id } }),
    })),
    ...found.runs.map((r): Command => ({
      id: `run-${r.id}`,
      group: 'Runs',
      label: r.name,
      note: r.id.slice(0, 8),
      icon: <Activity />,
      run: () => void navigate({ to: '/p/$project/runs/$runId', params: { project, runId: r.id } }),
    })),
    ...found.models.map((m): Command => ({
      id: `model-${m.name}`,
      group: 'Models',
      label: m.name,
      icon: <Box />,
      run: () => void navigate({ to: '/p/$project/models/$name', params: { project, name: m.name } }),
    })),
    ...found.datasets.map((d): Command => ({
      id: `dataset-${d.id}`,
      group: 'Data',
      label: d.name,
      icon: <Database />,
      run: () => void navigate({ to: '/p/$project/datasets/$datasetId', params: { project, datasetId: d.id } }),
    })),
  ];
}
