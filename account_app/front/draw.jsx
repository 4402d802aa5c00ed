// Draws a page's body as the browser would, for somebody whose figures are given. The server calls it: see
// account_app/drawing.py.
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createStaticRouter, StaticRouterProvider } from "react-router";
import { EventLoopProvider, initialState, StateProvider } from "$/utils/context";

const pages = import.meta.glob("./app/routes/*.jsx", { eager: true });
const defaults = { ...initialState };

globalThis.draw = (route, address, early) => {
  for (const [name, values] of Object.entries(JSON.parse(early))) initialState[name] = { ...defaults[name], ...values };
  try {
    return bodyOf(renderToString(createElement("html", {}, createElement("body", {}, visit(route, address)))));
  } finally {
    Object.assign(initialState, defaults);
  }
};

// A router for one page that loads nothing: what the pages' own router is when they are drawn for the first time.
const visit = (route, address) => {
  const page = createElement(pages[`./app/routes/${route}.jsx`].default);
  const element = createElement(StateProvider, {}, createElement(EventLoopProvider, {}, page));
  const [pathname, ...search] = address.split("?");
  const location = { pathname, search: search.length ? `?${search.join("?")}` : "", hash: "", state: null, key: "default" };
  const routes = [{ id: "page", path: "*", element }];
  const matches = [{ params: {}, pathname, pathnameBase: "/", route: routes[0] }];
  const context = { basename: "/", location, matches, loaderData: {}, actionData: null, errors: null, statusCode: 200 };
  return createElement(StaticRouterProvider, { router: createStaticRouter(routes, context), context, hydrate: false });
};

// What React would hoist into the head is there already, in the exported page.
const bodyOf = (html) => html.slice(html.indexOf("<body>") + "<body>".length, html.lastIndexOf("</body>"));
