"use client";

/** Todos that can be put elsewhere: dragged by the handle, or with the keyboard (Space, the arrows, Space). */
import {
  closestCenter,
  DndContext,
  KeyboardSensor,
  PointerSensor,
  useSensor,
  useSensors,
  type DragEndEvent,
  type UniqueIdentifier,
} from "@dnd-kit/core";
import { SortableContext, sortableKeyboardCoordinates, verticalListSortingStrategy } from "@dnd-kit/sortable";
import { useId, useMemo, type ReactNode } from "react";

import type { TaskMove } from "./task-api";
import { moveOver } from "./task-order";
import type { ShownTask } from "./tasks-state";

type Props = Readonly<{
  tasks: readonly ShownTask[];
  onMove: (taskId: string, move: TaskMove) => void;
  children: ReactNode;
}>;

/** A click on the handle is not the beginning of a drag. */
const DRAG_PIXELS_MIN = 5;

export function SortableTasks({ tasks, onMove, children }: Props) {
  const sensors = useSensors(
    useSensor(PointerSensor, { activationConstraint: { distance: DRAG_PIXELS_MIN } }),
    useSensor(KeyboardSensor, { coordinateGetter: sortableKeyboardCoordinates }),
  );
  const accessibility = useMemo(() => ({ announcements: announcementsOf(tasks), screenReaderInstructions: INSTRUCTIONS }), [tasks]);
  function drop({ active, over }: DragEndEvent) {
    const move = over && moveOver(tasks, String(active.id), String(over.id));
    if (move) onMove(String(active.id), move);
  }
  return (
    // Without an id of its own, what the server has rendered and what the browser renders differ.
    <DndContext id={useId()} sensors={sensors} collisionDetection={closestCenter} accessibility={accessibility} onDragEnd={drop}>
      <SortableContext items={useMemo(() => tasks.map(({ id }) => id), [tasks])} strategy={verticalListSortingStrategy}>
        {children}
      </SortableContext>
    </DndContext>
  );
}

const INSTRUCTIONS = { draggable: "Press Space to pick up the task, the arrow keys to move it, Space to drop it, Escape to leave it." };

function announcementsOf(tasks: readonly ShownTask[]) {
  const title = (id: UniqueIdentifier) => `“${tasks.find((task) => task.id === id)?.title ?? "The task"}”`;
  const place = (id: UniqueIdentifier) => `${tasks.findIndex((task) => task.id === id) + 1} of ${tasks.length}`;
  type Dragged = Pick<DragEndEvent, "active" | "over">;
  return {
    onDragStart: ({ active }: Pick<DragEndEvent, "active">) => `${title(active.id)} is picked up. It is at place ${place(active.id)}.`,
    onDragOver: ({ active, over }: Dragged) => over ? `${title(active.id)} is moved to place ${place(over.id)}.` : undefined,
    onDragEnd: ({ active, over }: Dragged) =>
      over ? `${title(active.id)} is put at place ${place(over.id)}.` : `${title(active.id)} stays where it was.`,
    onDragCancel: ({ active }: Pick<DragEndEvent, "active">) => `${title(active.id)} stays where it was.`,
  };
}
