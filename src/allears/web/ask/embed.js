// Shows one of our surveys inside a page: <script src=".../ask/embed.js" data-survey="visit"></script>
// It sets no cookie, stores nothing, reads nothing of the page, and loads nothing but the survey's own frame.
(function () {
  var script = document.currentScript;
  var survey = script && script.dataset.survey;
  if (!survey) return;
  var home = new URL(script.src);
  var path = "/ask/embed/" + encodeURIComponent(survey);
  if (script.dataset.lang) path += "?lang=" + encodeURIComponent(script.dataset.lang);
  var frame = document.createElement("iframe");
  frame.src = new URL(home.pathname.replace(/\/ask\/embed\.js$/, "") + path, home.origin).href;
  frame.title = script.dataset.title || "Survey";
  frame.referrerPolicy = "no-referrer";
  frame.sandbox = "allow-forms allow-scripts allow-same-origin";
  frame.style.cssText = "border:0;width:100%;height:" + (parseInt(script.dataset.height, 10) || 560) + "px";
  window.addEventListener("message", function (event) {
    if (event.source !== frame.contentWindow || event.origin !== home.origin) return;
    var height = event.data && event.data.allearsSurveyHeight;
    if (typeof height === "number" && height > 0) frame.style.height = Math.min(Math.ceil(height), 4000) + "px";
  });
  script.after(frame);
})();
