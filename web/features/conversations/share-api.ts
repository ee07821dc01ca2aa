/** The calls about a conversation's links. */
import type { components } from "@/generated/conversation-api.gen";
import { call } from "@/lib/http";

export type Share = components["schemas"]["Share"];
type NewShare = components["schemas"]["NewShare"];
type ShareList = components["schemas"]["ShareList"];

export class ShareApi {
  private readonly base: string;

  constructor(conversationUrl: string) {
    this.base = `${conversationUrl}/shares`;
  }

  async list(): Promise<readonly Share[]> {
    return (await call<ShareList>("GET", this.base)).data;
  }

  create(): Promise<NewShare> {
    return call("POST", this.base);
  }

  revoke(shareId: string): Promise<void> {
    return call("DELETE", `${this.base}/${encodeURIComponent(shareId)}`);
  }
}
