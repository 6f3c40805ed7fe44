import { useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { ChatPanel } from "./chat/ChatPanel.tsx";
import { Header } from "./Header.tsx";
import { loadSpec } from "./logic/api.ts";
import { failureOf, type Failure } from "./logic/failure.ts";
import { routeOf, textRouteOf, type Spec } from "./logic/spec.ts";
import { ModelNav } from "./ModelNav.tsx";
import { FailureNotice } from "./parts.tsx";
import { PredictPanel } from "./PredictPanel.tsx";
import { SignIn } from "./SignIn.tsx";

type Loaded = { spec: Spec } | { failure: Failure } | "signed out" | "loading";

async function load(signal: AbortSignal): Promise<Loaded> {
  try {
    const spec = await loadSpec(signal);
    return spec === "signed out" ? spec : { spec };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

export function App() {
  const [loaded, setLoaded] = useState<Loaded>("loading");
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    void load(controller.signal).then((result) => {
      if (!controller.signal.aborted) setLoaded(result);
    });
    return () => controller.abort();
  }, [attempt]);

  if (loaded === "loading") {
    return (
      <Frame title="flambeau">
        <p role="status">Loading…</p>
      </Frame>
    );
  }
  if (loaded === "signed out") {
    return (
      <Frame title="flambeau">
        <SignIn />
      </Frame>
    );
  }
  if ("failure" in loaded) {
    return (
      <Frame title="flambeau">
        <FailureNotice
          failure={loaded.failure}
          onRetry={() => {
            setLoaded("loading");
            setAttempt(attempt + 1);
          }}
        />
      </Frame>
    );
  }
  return <Playground spec={loaded.spec} onSignedOut={() => setLoaded("signed out")} />;
}

function Frame({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <Header title={title} />
      <main id="main" className="single" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function useHash(): string {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener("hashchange", changed);
      return () => window.removeEventListener("hashchange", changed);
    },
    () => window.location.hash,
  );
}

function Playground({ spec, onSignedOut }: { spec: Spec; onSignedOut: () => void }) {
  const hash = useHash();
  const model =
    spec.models.find((each) => routeOf(each) === hash) ??
    spec.models.find((each) => each.isDefault) ??
    spec.models[0];
  const text =
    spec.text.find((each) => textRouteOf(each) === hash) ?? (model ? null : spec.text[0]);
  const current = text ? textRouteOf(text) : model ? routeOf(model) : "";
  useEffect(() => {
    document.title = spec.title;
  }, [spec.title]);

  let panel: ReactNode;
  if (text) {
    panel = (
      <ChatPanel key={current} model={text} secured={spec.secured} onSignedOut={onSignedOut} />
    );
  } else if (model) {
    panel = (
      <PredictPanel key={current} model={model} secured={spec.secured} onSignedOut={onSignedOut} />
    );
  } else {
    panel = <p>This server has no models yet. Give one to flambeau.serve and reload the page.</p>;
  }
  const several = spec.models.length + spec.text.length > 1;
  return (
    <>
      <Header title={spec.title} secured={spec.secured} onSignedOut={onSignedOut} />
      <div className={several ? "shell" : "shell single-model"}>
        {several && <ModelNav spec={spec} current={current} />}
        <main id="main" tabIndex={-1}>
          {panel}
        </main>
      </div>
    </>
  );
}
