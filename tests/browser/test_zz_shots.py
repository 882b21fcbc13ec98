def test_shots(open_browser, server, clinic):
    import os

    os.makedirs("/tmp/shots", exist_ok=True)
    for scheme, width in (("light", 1400), ("dark", 1400), ("light", 390)):
        page = open_browser(scheme=scheme, width=width)
        for name in ("today/", "patients/", "rules/", "records/"):
            page.goto(f"{server}/admin/{name}")
            page.screenshot(path=f"/tmp/shots/{name.strip('/')}-{scheme}-{width}.png", full_page=True)
        for name in ("referred", "booked", "titer_expires", "steroids_running", "month_five"):
            page.goto(f"{server}/admin/patients/{clinic[name]}/")
            page.screenshot(path=f"/tmp/shots/{name}-{scheme}-{width}.png", full_page=True)
        page.goto(f"{server}/admin/patients/{clinic['booked']}/results/?analytes=ALT,AST,ALP,TBIL")
        page.screenshot(path=f"/tmp/shots/results-{scheme}-{width}.png", full_page=True)
    page = open_browser("adam")
    page.goto(f"{server}/admin/patients/site/")
    page.screenshot(path="/tmp/shots/sites.png")
    page.goto(f"{server}/admin/today/")
    page.screenshot(path="/tmp/shots/403.png")
    page.goto(f"{server}/accounts/password/change/")
    page.screenshot(path="/tmp/shots/pw.png")


def test_login(chromium, server):
    page = chromium.new_page()
    page.goto(f"{server}/accounts/login/")
    page.screenshot(path="/tmp/shots/login.png")
