/** Schedules, webhooks and service tokens of a user, over HTTP. */
import type { components } from "@/generated/conversation-api.gen";
import { call } from "@/lib/http";

type Schemas = components["schemas"];
export type Schedule = Schemas["Schedule"];
export type NewSchedule = Partial<Schemas["NewSchedule"]> & Pick<Schemas["NewSchedule"], "text">;
export type Webhook = Schemas["Webhook"];
export type MadeWebhook = Schemas["MadeWebhook"];
export type RunEnd = Webhook["events"][number];
export type Delivery = Schemas["Delivery"];
export type ServiceToken = Schemas["ServiceToken"];
export type MadeServiceToken = Schemas["MadeServiceToken"];
export type NewServiceToken = Readonly<{ name: string; assistant_ids?: readonly string[]; expires_in_days?: number }>;

export class AutomationApi {
  private readonly base: string;

  constructor(userId: string) {
    this.base = `/api/${encodeURIComponent(userId)}`;
  }

  readonly schedules = async (): Promise<readonly Schedule[]> =>
    (await call<Schemas["ScheduleList"]>("GET", `${this.base}/schedules`)).data;

  createSchedule(schedule: NewSchedule): Promise<Schedule> {
    return call("POST", `${this.base}/schedules`, schedule);
  }

  pauseSchedule(scheduleId: string, paused: boolean): Promise<Schedule> {
    return call("PATCH", this.at("schedules", scheduleId), { paused });
  }

  deleteSchedule(scheduleId: string): Promise<void> {
    return call("DELETE", this.at("schedules", scheduleId));
  }

  readonly webhooks = async (): Promise<readonly Webhook[]> =>
    (await call<Schemas["WebhookList"]>("GET", `${this.base}/webhooks`)).data;

  createWebhook(url: string, events: readonly RunEnd[]): Promise<MadeWebhook> {
    return call("POST", `${this.base}/webhooks`, { url, events });
  }

  async deliveries(webhookId: string): Promise<readonly Delivery[]> {
    return (await call<Schemas["DeliveryList"]>("GET", `${this.at("webhooks", webhookId)}/deliveries`)).data;
  }

  sendAgain(webhookId: string, runId: string): Promise<void> {
    return call("POST", `${this.at("webhooks", webhookId)}/deliveries/${encodeURIComponent(runId)}`);
  }

  rotateSecret(webhookId: string): Promise<MadeWebhook> {
    return call("POST", `${this.at("webhooks", webhookId)}/secret`);
  }

  deleteWebhook(webhookId: string): Promise<void> {
    return call("DELETE", this.at("webhooks", webhookId));
  }

  readonly serviceTokens = async (): Promise<readonly ServiceToken[]> =>
    (await call<Schemas["ServiceTokenList"]>("GET", `${this.base}/service-tokens`)).data;

  createServiceToken(token: NewServiceToken): Promise<MadeServiceToken> {
    return call("POST", `${this.base}/service-tokens`, token);
  }

  revokeServiceToken(tokenId: string): Promise<void> {
    return call("DELETE", this.at("service-tokens", tokenId));
  }

  private at(kind: string, id: string): string {
    return `${this.base}/${kind}/${encodeURIComponent(id)}`;
  }
}
