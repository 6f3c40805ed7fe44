import { useState } from "react";
import flame from "./flame.svg";
import { addressOf } from "./logic/api.ts";
import { applyTheme, storedTheme, type Theme } from "./theme.ts";

type Props = { title: string; secured?: boolean; onSignedOut?: () => void };

export function Header({ title, secured = false, onSignedOut }: Props) {
  return (
    <>
      <a className="skip" href="#main" onClick={skip}>
        Skip to the model
      </a>
      <header className="top">
        <img src={flame} alt="" width="28" height="28" />
        <p className="brand">{title}</p>
        <nav aria-label="Page" className="tools">
          <a href={addressOf("openapi.json")}>OpenAPI</a>
          <ThemePicker />
          {secured && onSignedOut && (
            <button type="button" onClick={() => void signOut(onSignedOut)}>
              Sign out
            </button>
          )}
        </nav>
      </header>
    </>
  );
}

// The part after "#" is the page's own address of a model: the link must not change it.
function skip(event: React.MouseEvent) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

async function signOut(onSignedOut: () => void) {
  await fetch(addressOf("signout"), { method: "POST" });
  onSignedOut();
}

const LABELS: Record<Theme, string> = { system: "Auto", light: "Light", dark: "Dark" };

function ThemePicker() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (next: Theme) => {
    setTheme(next);
    applyTheme(next);
  };
  return (
    <label className="theme">
      <span className="hidden">Colours</span>
      <select value={theme} onChange={(event) => choose(event.target.value as Theme)}>
        {Object.entries(LABELS).map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
