// The boxes of an image as a list: what is there, for eyes and for screen readers.

import Button from "@cloudscape-design/components/button";

import { TEXTS } from "../../shared/texts";
import { keyOf } from "../keys/keys";
import type { Item } from "./boxes";

interface Props {
  items: readonly Item[];
  selected: string | null;
  /** What the next box is labelled; empty where it is not. */
  next: string;
  onSelect: (id: string) => void;
  onDelete: (id: string) => void;
}

export function BoxList({ items, selected, next, onSelect, onDelete }: Props) {
  const hint = next === "" ? TEXTS.noBoxes(keyOf("addBox")) : TEXTS.nextBox(next);
  if (items.length === 0) return <p className="hint">{hint}</p>;
  return (
    <ol className="box-list" aria-label={TEXTS.boxes}>
      {items.map((item, place) => (
        <li key={item.id} className={item.id === selected ? "box-row box-row-selected" : "box-row"}>
          <button
            type="button"
            className="box-pick"
            aria-pressed={item.id === selected}
            onClick={() => onSelect(item.id)}
            dir="auto"
          >
            {TEXTS.box(place + 1, item.label === "" ? TEXTS.unlabelled : item.label)}
          </button>
          <Button
            variant="inline-icon"
            iconName="close"
            ariaLabel={TEXTS.deleteBox(place + 1)}
            onClick={() => onDelete(item.id)}
          />
        </li>
      ))}
    </ol>
  );
}
