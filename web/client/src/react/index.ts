export { useChat, type ChatClient, type ChatOptions, type UseChat } from "./useChat";
export {
  useCompletion,
  type CompletionClient,
  type CompletionOptions,
  type UseCompletion,
} from "./useCompletion";
export {
  usePredict,
  type PredictFunction,
  type PredictOptions,
  type UsePredict,
} from "./usePredict";
