import { payloadOf, type FieldKinds } from "./inputs";
import { itemsOf, type CallOptions, type Transport } from "./transport";

/** Asks a model for its answer to one input. */
export type Predict<Input, Output> = (input: Input, options?: CallOptions) => Promise<Output>;

/** Asks a model that answers bit by bit. */
export type Stream<Input, Output> = (input: Input, options?: CallOptions) => AsyncIterable<Output>;

/** Return a function that asks the model at `path`. */
export function predictWith<Input extends object, Output>(
  transport: Transport,
  path: string,
  fields: FieldKinds,
): Predict<Input, Output> {
  return async (input, options) =>
    transport.json<Output>(path, await payloadOf(fields, input), options);
}

/** Return a function that asks the model at `path` and yields what it writes. */
export function streamWith<Input extends object, Output>(
  transport: Transport,
  path: string,
  fields: FieldKinds,
): Stream<Input, Output> {
  return async function* (input, options) {
    const payload = await payloadOf(fields, input);
    yield* itemsOf<Output>(transport.events(path, payload, options));
  };
}
