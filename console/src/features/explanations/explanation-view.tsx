import { lazy, Suspense } from 'react';
import type { Explanation, ExplanationResult } from '~/api';
import type { ExplanationParts } from '~/app/searches';
import { ErrorNote, Loading } from '~/ui/states';
import { isGoing } from '../automl/names';

const ShapView = lazy(() => import('./shap-view'));
const LimeView = lazy(() => import('./lime-view'));
const EffectsView = lazy(() => import('./effects-view'));
const ImportanceView = lazy(() => import('./importance-view'));
const InteractionsView = lazy(() => import('./interactions-view'));
const AnchorView = lazy(() => import('./anchor-view'));
const CounterfactualView = lazy(() => import('./counterfactual-view'));

export interface PartsProps {
  parts: ExplanationParts;
  onParts: (change: ExplanationParts) => void;
}

/** Whatever an explanation found, or how far it is. What is looked at within it is in the address. */
export function ExplanationView({ explanation, ...props }: PartsProps & { explanation: Explanation }) {
  if (isGoing(explanation.state)) {
    return (
      <p role="status" className="pulse py-10 text-center text-muted">
        {explanation.state === 'queued' ? 'Waiting for its turn…' : 'Asking the model…'}
      </p>
    );
  }
  if (explanation.state !== 'succeeded' || !explanation.result) {
    return <ErrorNote title={explanation.state === 'cancelled' ? 'This explanation was stopped' : 'This could not be explained'} detail={explanation.error ?? undefined} />;
  }
  return (
    <Suspense fallback={<Loading label="Loading explanation" />}>
      <Found result={explanation.result} {...props} />
    </Suspense>
  );
}

function Found({ result, ...props }: PartsProps & { result: ExplanationResult }) {
  switch (result.kind) {
    case 'shap':
      return <ShapView result={result} {...props} />;
    case 'lime':
      return <LimeView result={result} {...props} />;
    case 'effects':
      return <EffectsView result={result} {...props} />;
    case 'importance':
      return <ImportanceView result={result} />;
    case 'interactions':
      return <InteractionsView result={result} />;
    case 'anchor':
      return <AnchorView result={result} />;
    case 'counterfactual':
      return <CounterfactualView result={result} />;
  }
}
