/** Schedules and webhooks of a user, over HTTP. */
import type { components } from "@/generated/conversation-api.gen";
import { call } from "@/lib/http";

type Schemas = components["schemas"];
export type Schedule = Schemas["Schedule"];
export type NewSchedule = Partial<Schemas["NewSchedule"]> & Pick<Schemas["NewSchedule"], "text">;
export type Webhook = Schemas["Webhook"];
export type MadeWebhook = Schemas["MadeWebhook"];

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

  createWebhook(url: string): Promise<MadeWebhook> {
    return call("POST", `${this.base}/webhooks`, { url });
  }

  rotateSecret(webhookId: string): Promise<MadeWebhook> {
    return call("POST", `${this.at("webhooks", webhookId)}/secret`);
  }

  deleteWebhook(webhookId: string): Promise<void> {
    return call("DELETE", this.at("webhooks", webhookId));
  }

  private at(kind: string, id: string): string {
    return `${this.base}/${kind}/${encodeURIComponent(id)}`;
  }
}
