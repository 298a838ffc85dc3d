// The labels to choose from, with their keys; a filter where there are many; new ones where allowed.

import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import Icon from "@cloudscape-design/components/icon";
import Input, { type InputProps } from "@cloudscape-design/components/input";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import { memo, useState, type MouseEvent, type Ref } from "react";

import { TEXTS } from "../shared/texts";
import { keyOf, NUMBERS } from "./keys/keys";
import { pressedIn } from "./keys/useKeys";

interface Props {
  /** Those that are shown, in the order of their keys. */
  visible: readonly string[];
  filtered: boolean;
  filter: string;
  onFilter: (text: string) => void;
  filterRef: Ref<InputProps.Ref>;
  /** Which are chosen; null where one click answers. */
  chosen: ReadonlySet<string> | null;
  /** The model's confidence in percent, by label. */
  model: ReadonlyMap<string, number>;
  onChoose: (label: string) => void;
  onFirst: () => void;
  mayAdd: boolean;
  onAdd: (label: string) => void;
}

export const Labels = memo(function Labels(props: Props) {
  const { visible, filtered, filter, onFilter, filterRef, chosen, model, onChoose, onFirst } = props;
  return (
    <div className="labels">
      {filtered && (
        <Input
          ref={filterRef}
          type="search"
          value={filter}
          ariaLabel={TEXTS.filter}
          placeholder={TEXTS.filterPlaceholder(keyOf("filter"))}
          clearAriaLabel={TEXTS.close}
          onChange={({ detail }) => onFilter(detail.value)}
          onKeyDown={pressedIn("filter", { chooseFirst: () => filter.trim() !== "" && onFirst() })}
        />
      )}
      <div className="label-list" role="group" aria-label={TEXTS.labels} onClickCapture={onlyFirstClick}>
        {visible.map((label, place) => (
          <LabelButton
            key={label}
            label={label}
            number={NUMBERS[place]}
            pressed={chosen === null ? null : chosen.has(label)}
            percent={model.get(label)}
            onChoose={onChoose}
          />
        ))}
        {visible.length === 0 && filter !== "" && <p className="hint">{TEXTS.noLabelFits}</p>}
      </div>
      {props.mayAdd && <NewLabel onAdd={props.onAdd} />}
    </div>
  );
});

let clickedLast: string | null = null;

/**
 * The second click of a double click would answer the next image, which nobody has seen. It is told
 * by what the button says: that image has other buttons, and one may scroll between two clicks.
 */
export function onlyFirstClick(event: MouseEvent<HTMLElement>): void {
  const clicked = event.target instanceof Element ? (event.target.closest("button")?.textContent ?? null) : null;
  if (event.detail > 1 && clicked === clickedLast) event.stopPropagation();
  clickedLast = clicked;
}

interface LabelButtonProps {
  label: string;
  number: string | undefined;
  pressed: boolean | null;
  percent: number | undefined;
  onChoose: (label: string) => void;
}

const LabelButton = memo(function LabelButton({ label, number, pressed, percent, onChoose }: LabelButtonProps) {
  const content = (
    <span className="label-content">
      {pressed !== null && <Icon name={pressed ? "check" : "add-plus"} />}
      {number !== undefined && <kbd aria-hidden="true">{number}</kbd>}
      <span className="label-name" dir="auto">{label}</span>
      {percent !== undefined && <Badge color="blue">{TEXTS.modelSays(Math.round(percent))}</Badge>}
    </span>
  );
  const choose = () => onChoose(label);
  return (
    <div className="label-button">
      {pressed === null ? (
        <Button fullWidth onClick={choose}>
          {content}
        </Button>
      ) : (
        <ToggleButton pressed={pressed} onChange={choose}>
          {content}
        </ToggleButton>
      )}
    </div>
  );
});

function NewLabel({ onAdd }: { onAdd: (label: string) => void }) {
  const [text, setText] = useState("");
  const add = () => {
    const label = text.trim();
    if (label === "") return;
    setText("");
    onAdd(label);
  };
  return (
    <div className="new-label">
      <Input
        value={text}
        ariaLabel={TEXTS.newLabel}
        placeholder={TEXTS.newLabelPlaceholder}
        onChange={({ detail }) => setText(detail.value)}
        onKeyDown={pressedIn("newLabel", { addLabel: add })}
      />
      <Button onClick={add} disabled={text.trim() === ""}>{TEXTS.add}</Button>
    </div>
  );
}
