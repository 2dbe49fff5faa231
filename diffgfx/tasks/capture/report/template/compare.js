"use strict";
// Photograph and re-render under a line that a range input moves.
(() => {
  const lines = document.querySelectorAll(".compare input");
  const place = (line, share) => {
    line.value = share;
    line.parentElement.style.setProperty("--at", line.value + "%");
    line.setAttribute("aria-valuetext", `${line.value} % photograph`);
  };
  for (const line of lines) {
    line.addEventListener("input", () => place(line, line.value));
    place(line, line.value);
  }
  const choice = document.getElementById("right-half");
  if (!choice) return;  // a page without photographs
  choice.hidden = false;
  const show = () => {
    const error = choice.querySelector("input:checked").value === "error";
    document.getElementById("proof").classList.toggle("shows-error", error);
    choice.querySelector(".error-key").hidden = !error;
  };
  choice.addEventListener("change", () => {
    show();
    const whole = document.getElementById("proof").classList.contains("shows-error");
    for (const line of lines) place(line, whole ? 0 : 50);  // an error is looked at whole
  });
  show();
})();
