// Save what is shown as one HTML file.
import {postJson} from "./api.js";

// Ask the server for the file, and let the browser store it. `shown` is what a tab's saved() returns.
export async function save(shown) {
  const response = await postJson("/api/save", shown);
  const name = /filename="?([^";]+)"?/.exec(response.headers.get("content-disposition") || "")?.[1] || `captioner-${shown.view}.html`;
  const url = URL.createObjectURL(await response.blob()), link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
