/** The route of a path, without the ids that it holds: what a span may say of a request. */
import type { paths } from "../generated/conversation-api.gen";

type OfServices = Exclude<keyof paths, "/healthz" | "/readyz">;
type OfStreams =
  | "/api/{user_id}/stream"
  | "/api/{user_id}/runs/{run_id}/stream"
  | "/api/{user_id}/conversations/{conversation_id}/stream";
type OfConnections = "/api/{user_id}/connections/callback" | "/api/{user_id}/connections/{server}/consent";

/** Each route of the contract, or this does not compile. The first that fits counts: words stand before ids. */
const ROUTES: Readonly<Record<OfServices | OfStreams | OfConnections, true>> = {
  "/api/operator/dead-letters": true,
  "/api/operator/dead-letters/{sequence}/replay": true,
  "/api/operator/overview": true,
  "/api/operator/recent-runs": true,
  "/api/operator/recent-runs/{run_id}": true,
  "/api/operator/usage": true,
  "/api/operator/users": true,
  "/api/operator/users/{subject_id}": true,
  "/api/operator/users/{subject_id}/conversations": true,
  "/api/operator/users/{subject_id}/conversations/{conversation_id}": true,
  "/api/service/turns": true,
  "/api/shared/{token}": true,
  "/api/shared/{token}/pictures/{position}": true,
  "/api/{user_id}": true,
  "/api/{user_id}/assistants": true,
  "/api/{user_id}/attachments": true,
  "/api/{user_id}/attachments/{attachment_id}": true,
  "/api/{user_id}/attachments/{attachment_id}/content": true,
  "/api/{user_id}/attachments/{attachment_id}/finish": true,
  "/api/{user_id}/chat": true,
  "/api/{user_id}/chatkit": true,
  "/api/{user_id}/chatkit/session": true,
  "/api/{user_id}/connections": true,
  "/api/{user_id}/connections/callback": true,
  "/api/{user_id}/connections/{server}": true,
  "/api/{user_id}/connections/{server}/consent": true,
  "/api/{user_id}/conversations": true,
  "/api/{user_id}/conversations/{conversation_id}": true,
  "/api/{user_id}/conversations/{conversation_id}/branch": true,
  "/api/{user_id}/conversations/{conversation_id}/export": true,
  "/api/{user_id}/conversations/{conversation_id}/messages": true,
  "/api/{user_id}/conversations/{conversation_id}/shares": true,
  "/api/{user_id}/conversations/{conversation_id}/shares/{share_id}": true,
  "/api/{user_id}/conversations/{conversation_id}/stream": true,
  "/api/{user_id}/conversations/{conversation_id}/turns": true,
  "/api/{user_id}/export": true,
  "/api/{user_id}/runs": true,
  "/api/{user_id}/runs/{run_id}": true,
  "/api/{user_id}/runs/{run_id}/cancel": true,
  "/api/{user_id}/runs/{run_id}/decisions": true,
  "/api/{user_id}/runs/{run_id}/stream": true,
  "/api/{user_id}/schedules": true,
  "/api/{user_id}/schedules/{schedule_id}": true,
  "/api/{user_id}/search": true,
  "/api/{user_id}/service-tokens": true,
  "/api/{user_id}/service-tokens/{token_id}": true,
  "/api/{user_id}/shares": true,
  "/api/{user_id}/stream": true,
  "/api/{user_id}/tasks": true,
  "/api/{user_id}/tasks/clear": true,
  "/api/{user_id}/tasks/restore": true,
  "/api/{user_id}/tasks/{task_id}": true,
  "/api/{user_id}/tasks/{task_id}/restore": true,
  "/api/{user_id}/tokens": true,
  "/api/{user_id}/webhooks": true,
  "/api/{user_id}/webhooks/{webhook_id}": true,
  "/api/{user_id}/webhooks/{webhook_id}/deliveries": true,
  "/api/{user_id}/webhooks/{webhook_id}/deliveries/{run_id}": true,
  "/api/{user_id}/webhooks/{webhook_id}/secret": true,
};

const PATTERNS = Object.keys(ROUTES).map((route) => [route, new RegExp(`^${route.replace(/\{\w+\}/g, "[^/]+")}$`)] as const);

/** Null for a path that no route has. */
export function templateOf(pathname: string): string | null {
  return PATTERNS.find(([, pattern]) => pattern.test(pathname))?.[0] ?? null;
}
