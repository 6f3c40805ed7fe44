import { needsShrinking } from "./drafts.ts";

/** Longest side of a picture that was made smaller, in pixels. */
const LONGEST = 2048;

/** Returns the picture, or a smaller JPEG of one that servers would refuse. Throws if it is none. */
export async function prepared(blob: Blob): Promise<{ blob: Blob; shrunk: boolean }> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch (error) {
    throw new Error("This is no picture that the browser can read.", { cause: error });
  }
  try {
    if (!needsShrinking(blob, bitmap.width, bitmap.height)) return { blob, shrunk: false };
    return { blob: await drawn(bitmap, bitmap.width, bitmap.height, LONGEST), shrunk: true };
  } finally {
    bitmap.close();
  }
}

/** A picture of a video's frame or an image, no side longer than `longest`. */
export async function drawn(
  source: CanvasImageSource,
  width: number,
  height: number,
  longest: number,
): Promise<Blob> {
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("The browser gives no canvas to draw on.");
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return canvasBlob(canvas, "image/jpeg");
}

export async function canvasBlob(canvas: HTMLCanvasElement, type = "image/png"): Promise<Blob> {
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, 0.9));
  if (!blob) throw new Error("The browser could not write the picture.");
  return blob;
}

/** Why the camera cannot be used, in plain words. */
export function cameraProblem(error: unknown): string {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "The browser does not allow this page to use the camera. Allow it in the site settings beside the address, then try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera was found on this device.";
    case "NotReadableError":
    case "AbortError":
      return "The camera is in use by another program. Close that, then try again.";
    default:
      return "The camera could not be started.";
  }
}
