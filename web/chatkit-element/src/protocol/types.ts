/** The ChatKit wire format, as openai-chatkit 1.6.5 writes it (nulls are left out of the JSON). */

export interface Page<T> {
  data: T[];
  has_more: boolean;
  after?: string | null;
}

export type ThreadStatus =
  | { type: "active" }
  | { type: "locked"; reason?: string | null }
  | { type: "closed"; reason?: string | null };

export interface ThreadMetadata {
  id: string;
  title?: string | null;
  created_at: string;
  status?: ThreadStatus;
  /** `is_waiting`: a durable server's word that the thread's run waits for the person. */
  metadata?: { is_waiting?: unknown } | null;
  allowed_image_domains?: string[] | null;
}

export interface Thread extends ThreadMetadata {
  items: Page<ThreadItem>;
}

export interface UrlSource {
  type: "url";
  title: string;
  url: string;
  description?: string | null;
  attribution?: string | null;
}
export interface FileSource {
  type: "file";
  title: string;
  filename: string;
  description?: string | null;
}
export interface EntitySource {
  type: "entity";
  id: string;
  title: string;
  icon?: string | null;
  description?: string | null;
  label?: string | null;
  inline_label?: string | null;
  interactive?: boolean;
  data?: Record<string, unknown>;
}
/** Something of the page's that a message can name, as `@openai/chatkit` has it. */
export interface Entity {
  id: string;
  title: string;
  icon?: string | undefined;
  group?: string | undefined;
  data?: Record<string, unknown> | undefined;
  /** It can be clicked, or looked at. */
  interactive?: boolean | undefined;
}
export type Source = UrlSource | FileSource | EntitySource;

export interface Annotation {
  type: "annotation";
  source: Source;
  index?: number | null;
}

export interface AssistantContent {
  type: "output_text";
  text: string;
  annotations?: Annotation[];
}

export type UserContent =
  | { type: "input_text"; text: string }
  | {
      type: "input_tag";
      id: string;
      text: string;
      data?: Record<string, unknown>;
      group?: string | null;
      interactive?: boolean;
    };

export interface WireAttachment {
  type: "file" | "image";
  id: string;
  name: string;
  mime_type: string;
  preview_url?: string;
  /** Stock servers leave it out; a durable one says how large the file is. */
  metadata?: { size_bytes?: unknown } | null;
}

/** The answer to `attachments.create`. `finish_url`: where to say that the bytes are elsewhere now; stock servers leave it out. */
export interface CreatedAttachment extends WireAttachment {
  upload_descriptor?: { url: string; method: "POST" | "PUT"; headers?: Record<string, string>; finish_url?: string | null } | null;
}

export interface InferenceOptions {
  tool_choice?: { id: string } | null;
  model?: string | null;
}

interface ItemBase {
  id: string;
  thread_id: string;
  created_at: string;
}

export interface UserMessageItem extends ItemBase {
  type: "user_message";
  content: UserContent[];
  attachments?: WireAttachment[];
  quoted_text?: string | null;
  inference_options?: InferenceOptions;
}
export interface AssistantMessageItem extends ItemBase {
  type: "assistant_message";
  content: AssistantContent[];
}
export interface ClientToolCallItem extends ItemBase {
  type: "client_tool_call";
  status: "pending" | "completed";
  call_id: string;
  name: string;
  arguments: Record<string, unknown>;
  output?: unknown;
}
export interface WidgetItem extends ItemBase {
  type: "widget";
  widget: Record<string, unknown>;
  copy_text?: string | null;
}
export interface GeneratedImageItem extends ItemBase {
  type: "generated_image";
  /** Ours has a name: what is seen on it. */
  image?: { id: string; url: string; name?: string } | null;
}
export interface StructuredAnswer {
  values: string[];
  skipped: boolean;
}
/** What our server says of a question beside ChatKit's fields, so that it is asked in the reader's language. */
export interface QuestionNote {
  type: "text" | "choice" | "several" | "confirm";
  /** Any other text is an answer as well. */
  allows_other: boolean;
  is_required: boolean;
}
/** The same of the whole item. An approval is of a tool's call, a consent is given at `url`. */
export type AskedNote =
  | { kind: "approval"; tool: string; server?: string | null }
  | { kind: "consent"; label: string; url: string };
export interface StructuredQuestion {
  id: string;
  type: "multiple_choice" | "freeform";
  question: string;
  answer?: StructuredAnswer | null;
  description?: string | null;
  options?: { value: string }[];
  multiple?: boolean;
  natter?: QuestionNote;
}
export interface StructuredInputItem extends ItemBase {
  type: "structured_input";
  status: "pending" | "answered" | "skipped";
  inputs: StructuredQuestion[];
  natter?: AskedNote;
}
export interface Task {
  type: "custom" | "web_search" | "thought" | "file" | "image";
  status_indicator?: "none" | "loading" | "complete";
  title?: string | null;
  icon?: string | null;
  content?: string | null;
  title_query?: string | null;
  queries?: string[];
  sources?: (UrlSource | FileSource)[];
}
export interface TaskItem extends ItemBase {
  type: "task";
  task: Task;
}
export interface Workflow {
  type: "custom" | "reasoning";
  tasks: Task[];
  summary?: { title?: string; icon?: string | null; duration?: number } | null;
  expanded?: boolean;
}
export interface WorkflowItem extends ItemBase {
  type: "workflow";
  workflow: Workflow;
}
export interface EndOfTurnItem extends ItemBase {
  type: "end_of_turn";
}

export type ThreadItem =
  | UserMessageItem
  | AssistantMessageItem
  | ClientToolCallItem
  | WidgetItem
  | GeneratedImageItem
  | StructuredInputItem
  | TaskItem
  | WorkflowItem
  | EndOfTurnItem;

export type ItemUpdate =
  | { type: "assistant_message.content_part.added"; content_index: number; content: AssistantContent }
  | { type: "assistant_message.content_part.text_delta"; content_index: number; delta: string }
  | {
      type: "assistant_message.content_part.annotation_added";
      content_index: number;
      annotation_index: number;
      annotation: Annotation;
    }
  | { type: "assistant_message.content_part.done"; content_index: number; content: AssistantContent }
  | { type: "workflow.task.added"; task_index: number; task: Task }
  | { type: "workflow.task.updated"; task_index: number; task: Task }
  | { type: "widget.root.updated"; widget: Record<string, unknown> }
  | { type: "widget.component.updated"; component_id: string; component: Record<string, unknown> }
  | { type: "widget.streaming_text.value_delta"; component_id: string; delta: string; done: boolean }
  | { type: "generated_image.updated"; image: { id: string; url: string }; progress?: number | null };

export type ThreadEvent =
  | { type: "thread.created"; thread: Thread }
  | { type: "thread.updated"; thread: Thread }
  | { type: "thread.item.added"; item: ThreadItem }
  | { type: "thread.item.updated"; item_id: string; update: ItemUpdate }
  | { type: "thread.item.done"; item: ThreadItem }
  | { type: "thread.item.replaced"; item: ThreadItem }
  | { type: "thread.item.removed"; item_id: string }
  | { type: "stream_options"; stream_options: { allow_cancel: boolean } }
  | { type: "progress_update"; text: string; icon?: string | null }
  | { type: "client_effect"; name: string; data?: Record<string, unknown> }
  | { type: "notice"; level: "info" | "warning" | "danger"; message: string; title?: string | null }
  | { type: "error"; code?: string; message?: string | null; allow_retry?: boolean };

/** What a message to the server consists of (`UserMessageInput`). */
export interface UserMessageInput {
  content: UserContent[];
  attachments: string[];
  quoted_text?: string | null;
  inference_options: InferenceOptions;
}

/** Named frames that a durable server sends beside the ChatKit events. */
export type RunFrame = {
  type:
    | "run.started"
    | "run.completed"
    | "run.failed"
    | "run.cancelled"
    | "run.restarted"
    | "run.waiting"
    | "run.resumed";
  run_id: string;
  conversation_id?: string;
  epoch?: number;
  code?: string | null;
};
