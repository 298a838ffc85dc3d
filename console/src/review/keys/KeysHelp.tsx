// The list of keys.

import Modal from "@cloudscape-design/components/modal";

import { TEXTS } from "../../shared/texts";
import type { ModelType } from "../api";
import { KEYS } from "./keys";

export function KeysHelp({ kind, onClose }: { kind: ModelType; onClose: () => void }) {
  return (
    <Modal visible header={TEXTS.keysTitle} closeAriaLabel={TEXTS.close} onDismiss={onClose}>
      <dl className="keys">
        {KEYS.filter(({ kinds }) => kinds.includes(kind)).map(({ key, words }) => (
          <div key={`${key} ${words}`}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
