// What React Native declares of the web's globals, for a compiler without "dom".
interface Blob {
  readonly size: number;
  readonly type: string;
}
declare const Blob: { prototype: Blob; new (parts?: readonly (Blob | string)[], options?: { type: string }): Blob };
interface FormData {
  append(name: string, value: unknown): void;
}
declare const FormData: { prototype: FormData; new (): FormData };
interface Headers {
  get(name: string): string | null;
}
interface Response {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: Headers;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}
declare const Response: { prototype: Response; new (body?: Blob | FormData | string | null): Response };
interface AbortSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: boolean | { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
interface AbortController {
  readonly signal: AbortSignal;
  abort(): void;
}
declare const AbortController: { prototype: AbortController; new (): AbortController };
interface RequestInit {
  body?: string | FormData | Blob;
  headers?: { [name: string]: string };
  method?: string;
  signal?: AbortSignal;
}
declare function fetch(url: string, init?: RequestInit): Promise<Response>;
declare function setTimeout(callback: () => void, milliseconds?: number): number;
declare function clearTimeout(timer: number | undefined): void;
