import { useId, useMemo, useRef, useState } from "react";
import { InputField } from "./inputs/InputField.tsx";
import { addressOf, predict, type Answer } from "./logic/api.ts";
import { initialDrafts, readDraft, splitParam, type Draft, type Drafts } from "./logic/drafts.ts";
import { failureOf, isAbort, type Failure } from "./logic/failure.ts";
import type { Problem } from "./logic/schema.ts";
import { predictSnippets } from "./logic/snippets.ts";
import type { ModelSpec } from "./logic/spec.ts";
import { Peek } from "./outputs/Peek.tsx";
import { Results } from "./outputs/Results.tsx";
import { FailureNotice, SnippetCard } from "./parts.tsx";
import { useLatest } from "./useLatest.ts";

type Values = Record<string, unknown>;
type Problems = Record<string, Problem[]>;
type Props = { model: ModelSpec; secured: boolean; onSignedOut: () => void };

/** Inputs on one side, what the model says about them on the other. */
export function PredictPanel({ model, secured, onSignedOut }: Props) {
  const [drafts, setDrafts] = useState(() => initialDrafts(model.inputs, null));
  const [round, setRound] = useState(0);
  const [problems, setProblems] = useState<Problems>({});
  const [answers, setAnswers] = useState<Answer[]>([]);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const results = useRef<HTMLElement>(null);
  const titleId = useId();

  const execute = async (values: Values, signal: AbortSignal) => {
    setBusy(true);
    try {
      let fresh = true;
      for await (const answer of predict(model, values, signal)) {
        if (signal.aborted) return;
        const first = fresh;
        setAnswers((before) => (first ? [answer] : [...before, answer]));
        fresh = false;
      }
      setFailure(null);
    } catch (error) {
      if (!isAbort(error)) failed(error);
    } finally {
      setBusy(false);
    }
  };
  const failed = (error: unknown) => {
    const next = failureOf(error);
    if (next.signedOut) onSignedOut();
    const place = next.param && splitParam(next.param, Object.keys(model.inputs));
    if (place) setProblems({ [place.name]: [{ path: place.path, message: next.message }] });
    setFailure(next);
  };
  const latest = useLatest(execute, model.stream ? 0 : undefined);

  const run = (from: Drafts) => {
    const { values, wrong } = readAll(model, from);
    setProblems(wrong);
    if (Object.keys(wrong).length === 0) {
      latest.push(values);
      return true;
    }
    setFailure(null);
    const [name] = Object.keys(wrong);
    if (name) focusField(form.current, name);
    return false;
  };
  const change = (name: string, draft: Draft, live: boolean) => {
    const next = { ...drafts, [name]: draft };
    setDrafts((before) => ({ ...before, [name]: draft }));
    setProblems((before) => ({ ...before, [name]: [] }));
    if (live) {
      const { values, wrong } = readAll(model, next);
      if (Object.keys(wrong).length === 0) latest.push(values);
    }
    if (draft.kind === "blob" && !draft.blob) clear();
  };
  const clear = () => {
    latest.stop();
    setAnswers([]);
    setFailure(null);
  };
  const useExample = () => {
    const next = initialDrafts(model.inputs, model.example);
    setDrafts(next);
    setRound(round + 1);
    run(next);
  };

  const alone = Object.keys(model.inputs).length === 1;
  const snippets = useMemo(() => {
    const { values } = readAll(model, drafts);
    const fallback = model.example ?? {};
    const filled = Object.fromEntries(
      Object.entries(model.inputs).map(([name, field]) => [
        name,
        values[name] ??
          (field.kind === "image" ? new Blob([], { type: "image/png" }) : (fallback[name] ?? "…")),
      ]),
    );
    return predictSnippets(model, filled, { url: addressOf(model.path), secured });
  }, [model, drafts, secured]);

  return (
    <>
      <div className="heading">
        <h1 id={titleId}>{model.name}</h1>
        {model.version && <span className="tag">version {model.version}</span>}
        {model.description && <p>{model.description}</p>}
      </div>
      <div className="columns">
        <form
          ref={form}
          className="card inputs"
          aria-labelledby={titleId}
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            // On a phone the output stands below.
            if (run(drafts)) results.current?.scrollIntoView({ block: "nearest" });
          }}
        >
          <h2 className={alone ? "hidden" : undefined}>Input</h2>
          {Object.entries(model.inputs).map(([name, field]) => (
            <InputField
              key={`${name} ${round}`}
              name={name}
              alone={alone}
              field={field}
              draft={drafts[name] ?? { kind: "text", text: "" }}
              problems={problems[name] ?? []}
              onChange={(draft, live) => change(name, draft, live)}
            />
          ))}
          <div className="row actions">
            <button type="submit" className="primary">
              Predict
            </button>
            {busy && model.stream && (
              <button type="button" onClick={() => latest.stop()}>
                Stop
              </button>
            )}
            {model.example && (
              <button type="button" className="quiet" onClick={useExample}>
                Use the example
              </button>
            )}
          </div>
        </form>
        <Peek model={model} answer={answers.at(-1)} />
        <section ref={results} className="card results" aria-label="Output" aria-busy={busy}>
          <h2>Output</h2>
          {failure && <FailureNotice failure={failure} onRetry={() => run(drafts)} />}
          <Results model={model} answers={answers} busy={busy} failed={failure !== null} />
        </section>
      </div>
      <SnippetCard snippets={snippets} />
    </>
  );
}

function readAll(model: ModelSpec, drafts: Drafts): { values: Values; wrong: Problems } {
  const values: Values = {};
  const wrong: Problems = {};
  for (const [name, field] of Object.entries(model.inputs)) {
    const draft = drafts[name];
    const ready = draft
      ? readDraft(field, draft)
      : { problems: [{ path: "", message: "This is needed." }] };
    if ("value" in ready) values[name] = ready.value;
    else wrong[name] = ready.problems;
  }
  return { values, wrong };
}

function focusField(form: HTMLFormElement | null, name: string): void {
  const group = form?.querySelector(`[data-field="${CSS.escape(name)}"]`);
  const target = group?.querySelector<HTMLElement>("input, textarea, select, canvas, button");
  target?.focus();
}
