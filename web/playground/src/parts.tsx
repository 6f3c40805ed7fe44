import { useEffect, useRef, useState } from "react";
import type { Failure } from "./logic/failure.ts";
import type { Language, Snippets } from "./logic/snippets.ts";
import { SignIn } from "./SignIn.tsx";

/** Says what went wrong, and offers another try once the server wants one. */
export function FailureNotice({
  failure,
  onRetry,
}: {
  failure: Failure;
  onRetry?: (() => void) | undefined;
}) {
  if (failure.signedOut) return <SignIn />;
  return (
    <div className="notice" role="alert">
      <p>
        <strong>{failure.title}.</strong> {failure.message}
      </p>
      {failure.requestId && (
        <p className="fine">
          Request <code>{failure.requestId}</code>: the server&rsquo;s log says more.
        </p>
      )}
      {onRetry && <Retry key={failure.requestId} wait={failure.wait} onRetry={onRetry} />}
    </div>
  );
}

function Retry({ wait, onRetry }: { wait: number | null; onRetry: () => void }) {
  const [left, setLeft] = useState(wait ?? 0);
  useEffect(() => {
    // By the clock: timers of pages in the background are late.
    const end = Date.now() + (wait ?? 0) * 1000;
    const timer = setInterval(() => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      setLeft(Math.max(0, seconds));
      if (seconds <= 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [wait]);
  return (
    <button type="button" onClick={onRetry} disabled={left > 0}>
      {left > 0 ? `Try again in ${left} s` : "Try again"}
    </button>
  );
}

/** Tells screen readers, after things have come to rest: not every step while somebody draws. */
export function Announcer({ text }: { text: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), 700);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <p className="hidden" role="status">
      {said}
    </p>
  );
}

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const [copied, setCopied] = useState<"yes" | "no" | null>(null);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(null), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied("yes");
    } catch {
      // Pages that came over plain http have no clipboard.
      setCopied("no");
    }
  };
  const shown = { yes: "Copied", no: "Select and copy by hand" };
  return (
    <button type="button" className="quiet" onClick={() => void copy()}>
      <span aria-live="polite">{copied ? shown[copied] : label}</span>
    </button>
  );
}

/** The same call in three languages, on tabs. */
export function SnippetCard({ snippets }: { snippets: Snippets }) {
  const [language, setLanguage] = useState<Language>("curl");
  const tabs = useRef<HTMLDivElement>(null);
  const languages = Object.keys(snippets) as Language[];
  const move = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const index = (languages.indexOf(language) + step + languages.length) % languages.length;
    setLanguage(languages[index] ?? "curl");
    tabs.current?.querySelectorAll("button")[index]?.focus();
  };
  return (
    <section className="card snippets" aria-label="The same call in code">
      <div className="row">
        <div className="tabs" role="tablist" aria-label="Language" ref={tabs}>
          {languages.map((each) => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              aria-selected={each === language}
              aria-controls="snippet"
              tabIndex={each === language ? 0 : -1}
              onClick={() => setLanguage(each)}
              onKeyDown={move}
            >
              {each}
            </button>
          ))}
        </div>
        <CopyButton text={snippets[language]} />
      </div>
      {/* Focusable, so that the keyboard can scroll it. */}
      <div id="snippet" role="tabpanel" aria-labelledby={`tab-${language}`} tabIndex={0}>
        <pre>
          <code>{snippets[language]}</code>
        </pre>
      </div>
    </section>
  );
}
