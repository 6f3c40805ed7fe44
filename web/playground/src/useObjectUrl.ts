import { useEffect, useState } from "react";

/** An address of the blob for an `<img>`, released when it is no longer shown. */
export function useObjectUrl(blob: Blob): string | null {
  const [held, setHeld] = useState<{ blob: Blob; url: string } | null>(null);
  useEffect(() => {
    const url = URL.createObjectURL(blob);
    // The address exists only after the effect made it.
    // eslint-disable-next-line react-hooks/set-state-in-effect
    setHeld({ blob, url });
    return () => URL.revokeObjectURL(url);
  }, [blob]);
  return held?.blob === blob ? held.url : null;
}
