"""The page keeps to its own server, and to the policy that its server sends."""

from browser.visitor import NO_MOTION, expect, shown_caption


def test_a_script_that_is_not_the_servers_own_does_not_run(open_page, watch):
    watch.expect("inline script|script-src-elem")
    page = open_page(**NO_MOTION)
    shown_caption(page)
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "document.title = 'taken over'";
        document.head.append(script);
    }""")
    expect(page).to_have_title("captioner")
    page.wait_for_function("() => document.title === 'captioner'")
    assert any("script-src-elem" in one for one in watch.found)


def test_the_text_of_an_address_stays_text(open_page):
    page = open_page("#tab=ask&question=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E", **NO_MOTION)
    expect(page.get_by_role("textbox", name="A question about the picture")).to_have_value(
        "<img src=x onerror=alert(1)>"
    )
    expect(page.locator(".answer").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_the_page_about_the_api_opens(page):
    page.get_by_role("link", name="API").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("/api/caption").first).to_be_visible()
