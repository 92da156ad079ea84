/** The page of GET /_matrix/static/client/login/ for clients that know none of the flows (specification: Login Fallback). */
export const loginPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Login</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font-family:sans-serif;max-width:24em;margin:3em auto;padding:0 1em}input,button{display:block;width:100%;box-sizing:border-box;
font-size:1em;padding:.5em;margin:.4em 0}#error{color:#b00}</style></head>
<body><h1>Log in</h1><p id="error"></p>
<form id="password" hidden><input id="user" autocomplete="username" placeholder="User name" required>
<input id="pass" type="password" autocomplete="current-password" placeholder="Password" required><button>Log in</button></form>
<form id="sso" hidden><button>Log in with single sign-on</button></form>
<script>
(function () {
  "use strict";
  var api = location.href.replace(/\\/_matrix\\/static\\/.*$/, "/_matrix/client/v3/login");
  var query = new URLSearchParams(location.search);
  var byId = function (id) { return document.getElementById(id); };
  window.matrixLogin = window.matrixLogin || {};
  if (!window.matrixLogin.onLogin) window.matrixLogin.onLogin = function () { byId("error").textContent = "You are logged in."; };
  function fail(message) { byId("error").textContent = message; }
  function login(data) {
    query.forEach(function (value, name) {
      if (["redirectUrl", "loginToken", "password", "token", "type", "identifier"].indexOf(name) < 0) data[name] = value;
    });
    fetch(api, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) })
      .then(function (answer) { return answer.json().then(function (body) {
        if (!answer.ok) return fail(body.error || "Login failed");
        window.matrixLogin.onLogin(body);
      }); })
      .catch(function () { fail("Cannot reach the server"); });
  }
  byId("password").onsubmit = function (event) {
    event.preventDefault();
    login({ type: "m.login.password", identifier: { type: "m.id.user", user: byId("user").value }, password: byId("pass").value });
  };
  byId("sso").onsubmit = function (event) {
    event.preventDefault();
    query.delete("loginToken");
    var here = location.origin + location.pathname + "?" + query.toString();
    location.href = api + "/sso/redirect?redirectUrl=" + encodeURIComponent(here);
  };
  if (query.get("loginToken")) return login({ type: "m.login.token", token: query.get("loginToken") });
  fetch(api).then(function (answer) { return answer.json(); }).then(function (body) {
    (body.flows || []).forEach(function (flow) {
      if (flow.type === "m.login.password") byId("password").hidden = false;
      if (flow.type === "m.login.sso") byId("sso").hidden = false;
    });
  }).catch(function () { fail("Cannot reach the server"); });
})();
</script></body></html>
`;
