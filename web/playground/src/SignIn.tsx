import { addressOf } from "./logic/api.ts";

/** The server has its own sign-in page: loading the address again leads there. */
export function SignIn() {
  return (
    <section className="card narrow" aria-labelledby="signed-out">
      <h1 id="signed-out">You are signed out</h1>
      <p>Sign in with an API key to use this page.</p>
      <a className="button primary" href={addressOf("")} onClick={reload}>
        Sign in
      </a>
    </section>
  );
}

function reload(event: React.MouseEvent) {
  event.preventDefault();
  window.location.reload();
}
