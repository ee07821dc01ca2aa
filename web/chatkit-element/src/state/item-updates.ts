/** Applies `thread.item.updated` to one item. Pure: returns a new item, or the same one if nothing changed. */

import type {
  AssistantContent,
  AssistantMessageItem,
  ItemUpdate,
  ThreadItem,
  WidgetItem,
  WorkflowItem,
} from "../protocol/types";

type Json = Record<string, unknown>;

export function applyItemUpdate(item: ThreadItem, update: ItemUpdate, tasksToExpect: number): ThreadItem {
  switch (item.type) {
    case "assistant_message":
      return updateAssistantMessage(item, update);
    case "workflow":
      return updateWorkflow(item, update, tasksToExpect);
    case "widget":
      return updateWidget(item, update);
    case "generated_image":
      return update.type === "generated_image.updated" ? { ...item, image: update.image } : item;
    default:
      return item;
  }
}

function updateAssistantMessage(item: AssistantMessageItem, update: ItemUpdate): AssistantMessageItem {
  if (!("content_index" in update)) return item;
  const content = [...item.content];
  // An update may be for a part that was never announced: the parts before it are empty then.
  while (content.length <= update.content_index) content.push({ type: "output_text", text: "", annotations: [] });
  const part = content[update.content_index] as AssistantContent;
  switch (update.type) {
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done":
      content[update.content_index] = update.content;
      break;
    case "assistant_message.content_part.text_delta":
      content[update.content_index] = { ...part, text: part.text + update.delta };
      break;
    case "assistant_message.content_part.annotation_added": {
      const annotations = [...(part.annotations ?? [])];
      annotations.splice(update.annotation_index, 0, update.annotation);
      content[update.content_index] = { ...part, annotations };
      break;
    }
    default:
      return item;
  }
  return { ...item, content };
}

function updateWorkflow(item: WorkflowItem, update: ItemUpdate, tasksToExpect: number): WorkflowItem {
  if (update.type !== "workflow.task.added" && update.type !== "workflow.task.updated") return item;
  const tasks = [...item.workflow.tasks];
  if (update.type === "workflow.task.updated") tasks[update.task_index] = update.task;
  else if (isAnnouncedAgain(item, update.task_index, tasksToExpect)) return item;
  else tasks.push(update.task);
  return { ...item, workflow: { ...item.workflow, tasks } };
}

/**
 * How many `workflow.task.added` will follow for tasks that the item has already. The Python SDK sends the item as it
 * is when the event is written, so it includes tasks that were added meanwhile, and announces those once more.
 */
export function tasksAnnouncedEarly(item: ThreadItem): number {
  if (item.type !== "workflow") return 0;
  const count = item.workflow.tasks.length;
  return item.workflow.type === "reasoning" ? count : Math.max(0, count - 1);
}

/**
 * The index alone cannot tell: the SDK finds it by searching for an equal task, so of two equal tasks the second
 * is announced with the first one's index.
 */
export function isAnnouncedAgain(item: WorkflowItem, index: number, tasksToExpect: number): boolean {
  return index < item.workflow.tasks.length && tasksToExpect > 0;
}

function updateWidget(item: WidgetItem, update: ItemUpdate): WidgetItem {
  switch (update.type) {
    case "widget.root.updated":
      return { ...item, widget: update.widget };
    case "widget.component.updated":
      return { ...item, widget: mapComponent(item.widget, update.component_id, () => update.component) };
    case "widget.streaming_text.value_delta":
      return {
        ...item,
        widget: mapComponent(item.widget, update.component_id, (component) => ({
          ...component,
          value: String(component["value"] ?? "") + update.delta,
          ...(update.done && { streaming: false }),
        })),
      };
    default:
      return item;
  }
}

/** Changes the components of an id. What has none in it stays the same object, and is not drawn again. */
function mapComponent(node: Json, id: string, change: (component: Json) => Json): Json {
  if (node["id"] === id) return change(node);
  const { children } = node;
  if (Array.isArray(children)) {
    const changed = children.map((child: unknown) => mapChild(child, id, change));
    return changed.some((child, index) => child !== children[index]) ? { ...node, children: changed } : node;
  }
  const changed = mapChild(children, id, change);
  return changed === children ? node : { ...node, children: changed };
}

const mapChild = (child: unknown, id: string, change: (component: Json) => Json) =>
  typeof child === "object" && child !== null ? mapComponent(child as Json, id, change) : child;
