/** What answers the element in the gallery, instead of a server: the thread of widgets, and what an action says. */
import gallery from "@/chatkit-element/gallery/widgets.json";

export const GALLERY_THREAD = "gallery";

/** How long an action takes: long enough to see what a widget shows meanwhile. */
const ACTION_MS = 1_000;

const BASE = { thread_id: GALLERY_THREAD, created_at: "2026-01-01T00:00:00" };

const items = gallery.map(({ name, widget }, index) => ({ ...BASE, type: "widget", id: `widget_${index}`, widget, copy_text: name }));

const thread = {
  id: GALLERY_THREAD,
  title: "Gallery",
  created_at: BASE.created_at,
  status: { type: "active" },
  items: { data: items, has_more: false },
};

type Asked = { type: string; params: { action?: unknown } };

export const answerFromGallery: typeof fetch = async (_input, init) => {
  const { type, params } = JSON.parse(String(init?.body ?? "{}")) as Asked;
  if (type === "threads.get_by_id") return Response.json(thread);
  if (type !== "threads.custom_action") return Response.json({ data: [], has_more: false });
  await new Promise((resolve) => setTimeout(resolve, ACTION_MS));
  const text = `\`\`\`json\n${JSON.stringify(params.action, null, 2)}\n\`\`\``;
  const item = { ...BASE, type: "assistant_message", id: crypto.randomUUID(), content: [{ type: "output_text", text, annotations: [] }] };
  const event = `data: ${JSON.stringify({ type: "thread.item.done", item })}\n\n`;
  return new Response(event, { headers: { "Content-Type": "text/event-stream" } });
};
