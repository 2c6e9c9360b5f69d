"""`affected tune`: the workbench in the browser. It binds loopback only and shows nothing before its link was opened.

A page is a module with `routes(desk) -> list[Route]`, named in `app.py`, and a template that extends `base.html`:

- `desk.require(request, right)` gives the name of who asks, or refuses; `desk.may` only says whether;
- `desk.form(request)` gives the fields of a POST once its session's number was in it (`{{ csrf }}` as the hidden
  field `csrf`, or the header `X-CSRF`);
- `desk.page(request, template, **context)` renders; `desk.tell` says something on the page that comes next.

Handlers are `async`; whatever reads tables goes through `run_in_threadpool`. No id and no person's data in an address.
"""
