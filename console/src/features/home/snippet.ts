interface SnippetOptions {
  origin: string;
  /** The API key, if one was just made. */
  secret: string | null;
  experiment?: string | undefined;
}

/** Python that logs one run to this server. */
export function snippet({ origin, secret, experiment }: SnippetOptions): string {
  const where = [
    'import os, mlflow',
    `os.environ["MLFLOW_TRACKING_URI"] = ${pythonText(origin)}`,
    `os.environ["MLFLOW_TRACKING_TOKEN"] = ${pythonText(secret ?? 'YOUR_API_KEY')}`,
    '',
  ];
  const choose = experiment ? [`mlflow.set_experiment(${pythonText(experiment)})`] : [];
  return [...where, ...choose, 'with mlflow.start_run():', '    mlflow.log_metric("accuracy", 0.93)'].join('\n');
}

/** A Python string literal. JSON's escapes are Python's too. */
export function pythonText(text: string): string {
  return JSON.stringify(text);
}
