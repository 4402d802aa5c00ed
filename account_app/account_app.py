import reflex as rx
def index(): return rx.el.main(rx.el.h1("Hello", class_name="text-ink font-sans"), rx.el.p(rx.State.is_hydrated.to_string()))
app = rx.App(toaster=None)
app.add_page(index, route="/")
