import { useEffect, useEffectEvent, useRef, useState } from "react";
import { cameraProblem, drawn } from "../logic/pictures.ts";

type Props = { live: boolean; onPicture: (picture: Blob, atOnce: boolean) => void };
type Facing = "environment" | "user";

/** Pictures of a camera are sent no larger than this. */
const LONGEST = 960;
const PAUSE = 150;

export function Camera({ live, onPicture }: Props) {
  const [facing, setFacing] = useState<Facing | null>(null);
  const [ready, setReady] = useState(false);
  const [problem, setProblem] = useState("");
  const video = useRef<HTMLVideoElement>(null);

  useEffect(() => {
    if (!facing) return;
    let stream: MediaStream | null = null;
    let left = false;
    const begin = async () => {
      // Browsers hide the camera from pages that came over plain http.
      if (!("mediaDevices" in navigator)) {
        setProblem("Browsers give the camera only to pages from https:// or localhost.");
        setFacing(null);
        return;
      }
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing } });
        if (left || !video.current) stop();
        else video.current.srcObject = stream;
      } catch (error) {
        if (left) return;
        setProblem(cameraProblem(error));
        setFacing(null);
      }
    };
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    void begin();
    return () => {
      left = true;
      stop();
      setReady(false);
    };
  }, [facing]);

  const shoot = async (atOnce: boolean) => {
    const source = video.current;
    if (!source?.videoWidth) return;
    onPicture(await drawn(source, source.videoWidth, source.videoHeight, LONGEST), atOnce);
  };
  const frame = useEffectEvent(() => shoot(true));
  useEffect(() => {
    if (!live || !ready) return;
    let timer: ReturnType<typeof setTimeout>;
    let left = false;
    const next = async () => {
      await frame();
      if (!left) timer = setTimeout(() => void next(), PAUSE);
    };
    void next();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [live, ready]);

  if (!facing) {
    return (
      <div className="drop">
        <button
          type="button"
          onClick={() => {
            setProblem("");
            setFacing("environment");
          }}
        >
          Start the camera
        </button>
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    );
  }
  return (
    <div className="camera">
      <video
        ref={video}
        autoPlay
        playsInline
        muted
        aria-label="What the camera sees"
        onLoadedData={() => setReady(true)}
      />
      <div className="row">
        <button type="button" onClick={() => void shoot(true)} disabled={!ready}>
          Take a picture
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => setFacing(facing === "user" ? "environment" : "user")}
        >
          Other camera
        </button>
        <button type="button" className="quiet" onClick={() => setFacing(null)}>
          Stop
        </button>
      </div>
    </div>
  );
}
