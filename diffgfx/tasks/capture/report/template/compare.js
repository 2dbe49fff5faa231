"use strict";
// Photograph and re-render under a line that a range input moves.
(() => {
  for (const box of document.querySelectorAll(".compare")) {
    const input = box.querySelector("input");
    const follow = () => {
      box.style.setProperty("--at", input.value + "%");
      input.setAttribute("aria-valuetext", `${input.value} % photograph`);
    };
    input.addEventListener("input", follow);
    follow();
  }
  const choice = document.getElementById("right-half");
  choice.hidden = false;
  const show = () => {
    const error = choice.querySelector("input:checked").value === "error";
    document.getElementById("proof").classList.toggle("shows-error", error);
    choice.querySelector(".error-key").hidden = !error;
  };
  choice.addEventListener("change", show);
  show();
})();
