// The image, as large as there is room, with zoom and pan.
//
// The element that was decoded ahead is itself put into the page: nothing is asked for again.

import Button from "@cloudscape-design/components/button";
import Spinner from "@cloudscape-design/components/spinner";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type ReactNode, type Ref } from "react";
import { TransformComponent, TransformWrapper, type ReactZoomPanPinchRef } from "react-zoom-pan-pinch";

import { TEXTS } from "../shared/texts";
import { keyOf } from "./keys/keys";
import type { Held } from "./queue/hand";

const MOST_ZOOM = 12;
const MOST_ENLARGED = 4;

interface Props {
  held: Held;
  pans: boolean;
  onReload: () => void;
  ref: Ref<ReactZoomPanPinchRef>;
  tools?: ReactNode;
  /** What lies over the image, once it is in the page. */
  overlay?: (image: HTMLImageElement) => ReactNode;
}

export function ImageView({ held, pans, onReload, ref, tools, overlay }: Props) {
  const room = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLDivElement>(null);
  const zoom = useRef<ReactZoomPanPinchRef>(null);
  const [placed, setPlaced] = useState<HTMLImageElement | null>(null);
  const { image, imageState } = held;

  useLayoutEffect(() => {
    const frame = room.current;
    if (image === null || picture.current === null || frame === null) return;
    const fit = () => {
      enlarge(image, frame);
      measure(picture.current, image, zoom.current?.state.scale ?? 1);
    };
    image.setAttribute("alt", TEXTS.image(held.task.file_name));
    picture.current.replaceChildren(image);
    fit();
    setPlaced(image);
    const watch = new ResizeObserver(fit);
    watch.observe(frame);
    return () => {
      watch.disconnect();
      setPlaced(null);
    };
  }, [image, held.task.file_name]);

  const setZoom = useCallback(
    (found: ReactZoomPanPinchRef | null) => {
      zoom.current = found;
      if (typeof ref === "function") ref(found);
      else if (ref !== null) ref.current = found;
    },
    [ref],
  );

  useEffect(() => {
    void zoom.current?.resetTransform(0);
  }, [held.task.task_id]);

  return (
    <section className="view" aria-label={TEXTS.image(held.task.file_name)}>
      <div className="room" ref={room}>
        <TransformWrapper
          ref={setZoom}
          minScale={1}
          maxScale={MOST_ZOOM}
          centerOnInit
          doubleClick={{ mode: "toggle", disabled: !pans }}
          panning={{ disabled: !pans, velocityDisabled: true }}
          wheel={{ step: 0.005 }}
          pinch={{ allowPanning: true }}
          onTransform={(_, { scale }) => measure(picture.current, image, scale)}
        >
          <TransformComponent wrapperClass="zoom" contentClass="zoom-content">
            <div className="picture">
              <div ref={picture} className="picture-image" />
              {placed !== null && placed === image && overlay?.(placed)}
            </div>
          </TransformComponent>
        </TransformWrapper>
        {imageState === "loading" && (
          <div className="room-note">
            <Spinner /> <span>{TEXTS.imageLoading}</span>
          </div>
        )}
        {imageState === "failed" && (
          <div className="room-note">
            <span>{TEXTS.imageFailed}</span> <Button onClick={onReload}>{TEXTS.again}</Button>
          </div>
        )}
      </div>
      <div className="view-tools">
        {tools}
        <Button iconName="zoom-out" variant="icon" ariaLabel={TEXTS.zoomOut(keyOf("zoomOut"))} onClick={() => void zoom.current?.zoomOut()} />
        <Button iconName="zoom-in" variant="icon" ariaLabel={TEXTS.zoomIn(keyOf("zoomIn"))} onClick={() => void zoom.current?.zoomIn()} />
        <Button iconName="zoom-to-fit" variant="icon" ariaLabel={TEXTS.zoomWhole} onClick={() => void zoom.current?.resetTransform()} />
      </div>
    </section>
  );
}

/** Make the image as large as there is room. */
function enlarge(image: HTMLImageElement, room: HTMLElement): void {
  const factor = Math.min(
    room.clientWidth / image.naturalWidth,
    room.clientHeight / image.naturalHeight,
    MOST_ENLARGED,
  );
  image.width = Math.max(1, Math.floor(image.naturalWidth * factor));
  image.height = Math.max(1, Math.floor(image.naturalHeight * factor));
}

/** Tell the styles how many pixels of the image are one on the screen, and how far it is zoomed. */
function measure(picture: HTMLElement | null, image: HTMLImageElement | null, zoom: number): void {
  const parent = picture?.parentElement;
  if (!parent || image === null || image.width === 0) return;
  parent.style.setProperty("--zoom", String(zoom));
  parent.style.setProperty("--unit", String(image.naturalWidth / (image.width * zoom)));
}
