"use client";

import { useMemo } from "react";

import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";

import { AutomationApi } from "./automation-api";
import { Schedules } from "./schedules";
import { ServiceTokens } from "./service-tokens";
import { Webhooks } from "./webhooks";

/** Turns that begin by themselves, who is told when one has ended, and who may begin one. */
export function AutomationView({ userId }: { userId: string }) {
  const api = useMemo(() => new AutomationApi(userId), [userId]);
  return (
    <Tabs defaultValue="schedules" className="gap-4">
      <TabsList className="h-auto flex-wrap">
        <TabsTrigger value="schedules">Schedules</TabsTrigger>
        <TabsTrigger value="webhooks">Webhooks</TabsTrigger>
        <TabsTrigger value="service-tokens">Service tokens</TabsTrigger>
      </TabsList>
      <TabsContent value="schedules" className="grid gap-4">
        <Schedules api={api} userId={userId} />
      </TabsContent>
      <TabsContent value="webhooks" className="grid gap-4">
        <Webhooks api={api} />
      </TabsContent>
      <TabsContent value="service-tokens" className="grid gap-4">
        <ServiceTokens api={api} userId={userId} />
      </TabsContent>
    </Tabs>
  );
}
