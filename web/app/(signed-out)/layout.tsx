import Link from "next/link";

import { Brand } from "@/components/brand";
import { Preview } from "@/features/auth/preview";
import { ThemeMenu } from "@/features/theme/theme-menu";

export default function SignedOutLayout({ children }: { children: React.ReactNode }) {
  return (
    <div className="glow flex min-h-dvh flex-col">
      <header className="mx-auto flex w-full max-w-6xl items-center justify-between px-5 py-4 sm:px-8">
        <Link href="/" aria-label="Natter, home" className="rounded-md">
          <Brand />
        </Link>
        <ThemeMenu />
      </header>
      <main className="mx-auto grid w-full max-w-6xl flex-1 items-center gap-10 px-5 pt-4 pb-16 sm:px-8 lg:grid-cols-[1fr_26rem] lg:gap-16">
        <div className="grid gap-6 lg:gap-8">
          <h1 className="text-4xl font-semibold tracking-tighter text-balance sm:text-5xl lg:text-6xl">
            Say it once.
            <br />
            Watch it get done.
          </h1>
          <p className="text-muted-foreground max-w-xl text-lg text-pretty">
            Natter is an assistant that does things, shows every step it takes, and never loses a word: not on a
            refresh, not on a dropped connection.
          </p>
          <div className="hidden lg:block">
            <Preview />
          </div>
        </div>
        <div className="grid justify-items-center lg:justify-items-end">{children}</div>
      </main>
    </div>
  );
}
