/**
 * Screenshots.
 */

import { writeFile } from "node:fs/promises";
import type { Picture } from "../native.js";

/** A picture of the session's browser. */
export class Screenshot {
  /** The encoded image. */
  readonly image: Buffer;
  /** `image/jpeg` as a rule. */
  readonly mimeType: string;
  /** Pixels; 0 if the image does not say. */
  readonly width: number;
  /** Pixels; 0 if the image does not say. */
  readonly height: number;
  /** The page shown. */
  readonly url: string;
  /** The page's title. */
  readonly title: string;

  /** @internal */
  constructor(picture: Picture) {
    const wire = JSON.parse(picture.json) as {
      mime_type: string;
      width: number;
      height: number;
      url: string;
      title: string;
    };
    this.image = picture.image;
    this.mimeType = wire.mime_type;
    this.width = wire.width;
    this.height = wire.height;
    this.url = wire.url;
    this.title = wire.title;
  }

  /** Writes the image to a file. */
  async save(path: string | URL): Promise<void> {
    await writeFile(path, this.image);
  }
}
