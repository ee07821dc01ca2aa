/** What a link shows, as auth_edge answers whoever has it. */
import type { components } from "@/generated/conversation-api.gen";
import { call, CallError } from "@/lib/http";

type Page = components["schemas"]["SharedConversation"];

export type Snapshot = Readonly<{ title: string; sharedAt: string; items: readonly object[] }>;

/** As auth_edge makes them: an address that is none leads nowhere, and is not asked for. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** Of a conversation that is longer, the beginning. */
const PAGES_MAX = 25;

/** Reads all pages. Raises `CallError`; 404: the link was revoked, or never was. */
export async function readShared(token: string): Promise<Snapshot> {
  if (!TOKEN.test(token)) throw new CallError(404, "not_found");
  const base = `/api/shared/${encodeURIComponent(token)}`;
  const items: object[] = [];
  let page: Page | undefined;
  for (let count = 0; count < PAGES_MAX && (page === undefined || page.after); count++) {
    const from: string = page?.after ? `?after=${encodeURIComponent(page.after)}` : "";
    page = await call<Page>("GET", `${base}${from}`);
    items.push(...page.items);
  }
  return { title: page?.title ?? "A shared conversation", sharedAt: page?.shared_at ?? "", items };
}

export const SHARED_THREAD = "shared";

/** A ChatKit server that has this one thread and changes nothing: what the element asks it is answered in the page. */
export function answering(snapshot: Snapshot): typeof fetch {
  const thread = {
    id: SHARED_THREAD,
    title: snapshot.title,
    created_at: snapshot.sharedAt,
    status: { type: "active" },
    items: { data: snapshot.items, has_more: false },
  };
  return (_input, init) => {
    const asked = JSON.parse(String(init?.body)) as { type: string };
    const isRead = asked.type === "threads.get_by_id";
    return Promise.resolve(Response.json(isRead ? thread : { code: "not_supported" }, { status: isRead ? 200 : 400 }));
  };
}
