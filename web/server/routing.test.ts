import { describe, expect, test } from "vitest";

import { isSameOrigin, pageAfterSignIn, routeOf } from "./routing";

describe("routeOf", () => {
  test.each([
    ["/api/alice/stream"],
    ["/api/alice/runs/run_1/stream"],
    ["/api/alice/conversations/conv_1/stream"],
    ["/api/a%2Fb/stream"],
  ])("%s is a stream of the relay", (pathname) => {
    expect(routeOf(pathname)).toEqual({ kind: "service", service: "stream_relay" });
  });

  test.each([
    ["/api/alice"],
    ["/api/alice/chatkit"],
    ["/api/alice/runs/stream"],
    ["/api/alice/tasks/stream"],
    ["/api/alice/tasks/task_1/stream"],
    ["/api/alice/runs/run_1/cancel"],
    ["/api/alice/runs/run_1/stream/more"],
  ])("%s goes to the edge", (pathname) => {
    expect(routeOf(pathname)).toEqual({ kind: "service", service: "auth_edge" });
  });

  test("what a link shows is asked of the edge without a session, and its page is open", () => {
    expect(routeOf(`/api/shared/${"A".repeat(43)}`)).toEqual({ kind: "shared" });
    expect(routeOf(`/api/shared/${"A".repeat(43)}/pictures/7`)).toEqual({ kind: "shared" });
    expect(routeOf(`/shared/${"A".repeat(43)}`)).toEqual({ kind: "shared_page" });
    // A user may be called "shared".
    expect(routeOf("/api/shared/tasks")).toEqual({ kind: "service", service: "auth_edge" });
  });

  test.each([["/api"], ["/api/"], ["/api/auth"], ["/api/auth/sign-in/email"], ["/nothing"], ["/dashboardish"]])(
    "%s stays here and is open",
    (pathname) => {
      expect(routeOf(pathname)).toEqual({ kind: "open" });
    },
  );

  test("connection pages are for whoever is signed in", () => {
    expect(routeOf("/connections/calendar")).toEqual({ kind: "connection_page", path: "calendar/consent" });
    expect(routeOf("/connections/callback")).toEqual({ kind: "connection_page", path: "callback" });
    for (const pathname of ["/connections", "/connections/", "/connections/a/b"]) {
      expect(routeOf(pathname)).toEqual({ kind: "open" });
    }
  });

  test("pages are private below /dashboard, and made for strangers where one signs in", () => {
    expect(routeOf("/dashboard")).toEqual({ kind: "private_page" });
    expect(routeOf("/operator")).toEqual({ kind: "private_page" });
    expect(routeOf("/operator/users/alice")).toEqual({ kind: "private_page" });
    expect(routeOf("/operator/reports/users")).toEqual({ kind: "open" });
    expect(routeOf("/dashboard/chat")).toEqual({ kind: "private_page" });
    for (const pathname of ["/", "/sign-in", "/sign-up"]) expect(routeOf(pathname)).toEqual({ kind: "sign_in_page" });
  });
});

describe("pageAfterSignIn", () => {
  test.each(["/dashboard", "/dashboard/chat?conversation=conv_1", "/dashboard?filter=open",
    "/connections/callback?code=c&state=s"])("%s is ours", (next) => {
    expect(pageAfterSignIn(next)).toBe(next);
  });

  test.each([null, undefined, "", "//evil.test", "https://evil.test/dashboard", "/dashboard\\@evil", "/dashboardx", "/api/x",
    "/dashboard/..//evil.test/", "/dashboard/../\t/evil.test", "/dashboard/%2e%2e//evil.test/", "/dashboard//evil.test", "/dashboard/../sign-in",
    "/\\evil.test/dashboard", "///evil.test/dashboard", "/connections", "/connections/..//evil.test"])(
    "%s leads to the chat",
    (next) => {
      expect(pageAfterSignIn(next)).toBe("/dashboard/chat");
    },
  );
});

describe("isSameOrigin", () => {
  const from = (method: string, headers: Record<string, string>) =>
    isSameOrigin({ method, headers: new Headers(headers) }, "https://natter.test");

  test("reading is always allowed, changing only from our own pages", () => {
    expect(from("GET", { origin: "https://evil.test" })).toBe(true);
    expect(from("POST", { origin: "https://evil.test", host: "natter.test" })).toBe(false);
    expect(from("POST", { origin: "http://127.0.0.1:9999", host: "127.0.0.1:3000" })).toBe(false);
    expect(from("POST", { origin: "https://127.0.0.1:3000", host: "127.0.0.1:3000" })).toBe(true);
    expect(from("POST", { origin: "http://natter.test", host: "natter.test" })).toBe(false);
    expect(from("POST", { origin: "https://natter.test", host: "10.0.0.7:3000" })).toBe(true);
    expect(from("POST", { origin: "null", host: "natter.test" })).toBe(false);
  });

  test("without an Origin header the browser's own word counts, and a program is no browser", () => {
    expect(from("DELETE", { "sec-fetch-site": "cross-site" })).toBe(false);
    expect(from("DELETE", { "sec-fetch-site": "same-site" })).toBe(false);
    expect(from("DELETE", { "sec-fetch-site": "same-origin" })).toBe(true);
    expect(from("DELETE", {})).toBe(true);
  });
});
