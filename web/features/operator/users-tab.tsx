"use client";

import { useId, useState, type FormEvent } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

import { columns } from "./columns";
import { ReportTable } from "./report-table";
import { useRows } from "./use-report";

const USERS = columns("user_id:User", "seen_at:Last seen", "runs_this_month:Runs this month", "failed_this_month:Failed", "tokens_this_month:Tokens");

/** Who was here last; or those whose name, address or id was asked for, also if they have never written. */
export function UsersTab() {
  const [words, setWords] = useState("");
  const found = useRows(`/users${words && `?q=${encodeURIComponent(words)}`}`);
  const id = useId();
  // Not with each key: every search is a look at users, and is noted.
  function search(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setWords(String(new FormData(event.currentTarget).get("words")).trim());
  }
  return (
    <>
      <form role="search" onSubmit={search} className="flex flex-wrap items-end gap-2">
        <div className="grid gap-1">
          <Label htmlFor={id}>Name, e-mail address or id</Label>
          <Input id={id} name="words" type="search" maxLength={200} className="w-72 max-w-full" />
        </div>
        <Button type="submit" variant="outline">
          Find
        </Button>
      </form>
      <ReportTable label="Users" columns={USERS} {...found} empty={words === "" ? "Nobody was here yet." : "There is no such user."} />
    </>
  );
}
