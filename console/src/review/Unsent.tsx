// The question before signing out with answers that are not sent.

import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Modal from "@cloudscape-design/components/modal";
import SpaceBetween from "@cloudscape-design/components/space-between";

import { TEXTS } from "../shared/texts";

interface Props {
  count: number;
  onStay: () => void;
  onSignOut: () => void;
}

export function Unsent({ count, onStay, onSignOut }: Props) {
  return (
    <Modal
      visible
      header={TEXTS.signOutUnsent(count)}
      closeAriaLabel={TEXTS.stay}
      onDismiss={onStay}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={onSignOut}>{TEXTS.signOutAnyway}</Button>
            <Button variant="primary" onClick={onStay}>{TEXTS.stay}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      {TEXTS.signOutKept}
    </Modal>
  );
}
