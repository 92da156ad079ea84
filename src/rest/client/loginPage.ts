import { loginPage } from "../../handlers/account/loginPage";
import { html } from "../reply";
import { group, route } from "../route";

export const loginPageRoutes = group("pages.login", [
  route("GET /_matrix/static/client/login/?", { servlet: "StaticLogin", auth: "none", handle: () => html(loginPage) }),
]);
