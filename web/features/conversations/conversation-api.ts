/** The calls about conversations, as auth_edge answers them. */
import type { components } from "@/generated/conversation-api.gen";
import { call } from "@/lib/http";

import { ShareApi } from "./share-api";

export type Conversation = components["schemas"]["Conversation"];
export type ConversationChange = Readonly<{ title?: string; pinned?: boolean; archived?: boolean }>;
export type SearchHit = components["schemas"]["SearchHit"];
type ConversationList = components["schemas"]["ConversationList"];
type SearchResult = components["schemas"]["SearchResult"];

const PAGE_SIZE = 40;
const PINNED_MAX = 100;

export class ConversationApi {
  private readonly base: string;

  constructor(userId: string) {
    this.base = `/api/${encodeURIComponent(userId)}`;
  }

  pinned(): Promise<ConversationList> {
    return call("GET", `${this.base}/conversations?pinned=true&archived=false&limit=${PINNED_MAX}`);
  }

  /** Last changed first: those that are neither pinned nor archived, or the archived ones. */
  page(isArchived: boolean, after: string | null): Promise<ConversationList> {
    const which = isArchived ? "archived=true" : "pinned=false&archived=false";
    const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
    return call("GET", `${this.base}/conversations?${which}&limit=${PAGE_SIZE}${from}`);
  }

  get(conversationId: string): Promise<Conversation> {
    return call("GET", this.url(conversationId));
  }

  change(conversationId: string, change: ConversationChange): Promise<Conversation> {
    return call("PATCH", this.url(conversationId), change);
  }

  remove(conversationId: string): Promise<void> {
    return call("DELETE", this.url(conversationId));
  }

  search(words: string): Promise<SearchResult> {
    return call("GET", `${this.base}/search?q=${encodeURIComponent(words)}&limit=30`);
  }

  exportUrl(conversationId: string, format: "markdown" | "json"): string {
    return `${this.url(conversationId)}/export?format=${format}`;
  }

  shares(conversationId: string): ShareApi {
    return new ShareApi(this.url(conversationId));
  }

  private url(conversationId: string): string {
    return `${this.base}/conversations/${encodeURIComponent(conversationId)}`;
  }
}

export function titleOf(conversation: Pick<Conversation, "title"> | undefined): string {
  return conversation?.title ?? "New conversation";
}
