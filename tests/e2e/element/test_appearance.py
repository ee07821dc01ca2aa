"""Theme, styling from outside, languages."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.element.chat import Chat
from tests.e2e.element.servers import Server


def style(chat: Chat, selector: str, name: str) -> str:
    return chat.root.locator(selector).first.evaluate(
        "(element, name) => getComputedStyle(element).getPropertyValue(name)", name
    )


def test_the_theme_is_applied(stock: Server, page: Page, chat: Chat) -> None:
    theme = {
        "colorScheme": "dark",
        "radius": "sharp",
        "density": "compact",
        "typography": {"baseSize": 18, "fontFamily": "Georgia", "fontFamilyMono": "Courier"},
        "color": {
            "accent": {"primary": "#ff0000", "level": 3},
            "surface": {"background": "#102030", "foreground": "#fafafa"},
        },
    }
    page.goto(stock.url(options={"theme": theme}))
    chat.ask("markdown")
    assert style(chat, ".root", "background-color") == "rgb(16, 32, 48)"
    assert style(chat, ".root", "color") == "rgb(250, 250, 250)"
    assert style(chat, ".root", "color-scheme") == "dark"
    assert style(chat, ".root", "font-size") == "18px"
    assert style(chat, ".root", "font-family") == "Georgia"
    assert style(chat, "pre", "font-family") == "Courier"
    assert style(chat, ".composer", "border-radius") == "0px"
    assert style(chat, ".log", "padding-top") == "8px"
    chat.composer.fill("x")
    expect(chat.root.locator(".send")).to_have_css("color", "rgb(0, 0, 0)")
    expect(chat.root.locator(".send")).to_have_css("background-color", "rgb(255, 0, 0)")


def test_the_send_button_is_readable_on_any_accent(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    for accent, text in (("hsl(60 100% 50%)", "rgb(0, 0, 0)"), ("navy", "rgb(255, 255, 255)")):
        page.evaluate(
            "accent => chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, "
            "theme: {color: {accent: {primary: accent, level: 1}}}})",
            accent,
        )
        chat.composer.fill("x")
        expect(chat.root.locator(".send")).to_have_css("color", text)


def test_the_fonts_that_the_theme_names_are_registered(stock: Server, page: Page, chat: Chat) -> None:
    sources = [{"family": "Own Font", "src": "/own.woff2", "weight": 700, "display": "swap"}]
    page.goto(stock.url(options={"theme": {"typography": {"fontFamily": "Own Font", "fontSources": sources}}}))
    expect(chat.composer).to_be_visible()
    fonts = page.evaluate("[...document.fonts].map(font => [font.family, font.weight, font.display])")
    assert fonts == [['"Own Font"', "700", "swap"]]


def test_grayscale_has_hue_tint_and_shade(stock: Server, page: Page, chat: Chat) -> None:
    backgrounds = set()
    for grayscale in ({"hue": 0, "tint": 0}, {"hue": 0, "tint": 9, "shade": 4}, {"hue": 220, "tint": 9, "shade": 4}):
        page.goto(stock.url(options={"theme": {"color": {"grayscale": grayscale}}}))
        expect(chat.composer).to_be_visible()
        backgrounds.add(style(chat, ".root", "background-color"))
    assert len(backgrounds) == 3
    assert "rgb(255, 255, 255)" in backgrounds


def test_the_system_scheme_is_followed(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options={"theme": {"colorScheme": "system"}}))
    expect(chat.composer).to_be_visible()
    light = style(chat, ".root", "background-color")
    page.emulate_media(color_scheme="dark")
    dark = style(chat, ".root", "background-color")
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    page.goto(stock.url(options={"theme": "light"}))
    expect(chat.composer).to_be_visible()
    assert style(chat, ".root", "background-color") == light


def test_a_page_styles_parts_and_custom_properties(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.add_style_tag(
        content="""
        openai-chatkit { --ck-accent: rgb(1, 2, 3); --ck-content-width: 300px; }
        openai-chatkit::part(bubble) { background: rgb(4, 5, 6); }
    """
    )
    chat.ask("say hi")
    chat.composer.fill("x")
    expect(chat.root.locator(".send")).to_have_css("background-color", "rgb(1, 2, 3)")
    expect(chat.bubbles.last).to_have_css("background-color", "rgb(4, 5, 6)")
    assert style(chat, ".log", "width") == "300px"


def test_the_page_and_the_element_do_not_style_each_other(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.add_style_tag(
        content="* { color: rgb(9, 9, 9) !important; border-radius: 3px !important; } button { display: none; }"
    )
    chat.ask("say hi")
    expect(chat.root.get_by_role("button", name="Copy message").last).to_be_visible()
    assert style(chat, ".composer", "border-radius") == "22px"
    assert page.evaluate("document.styleSheets.length + document.adoptedStyleSheets.length") == 2


def test_the_header_is_configured(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url(options={"header": {"title": {"text": "My assistant"}}}))
    expect(chat.root.get_by_role("heading", name="My assistant")).to_be_visible()
    page.goto(stock.url(options={"header": {"enabled": False}}))
    expect(chat.composer).to_be_visible()
    expect(chat.root.locator(".header")).to_have_count(0)
    page.evaluate("""chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, header: {
        rightAction: {icon: 'settings-cog', onClick: () => { window.clicked = true }}}})""")
    chat.root.get_by_role("button", name="Settings").click()
    assert page.evaluate("window.clicked") is True
    page.goto(stock.url(options={"locale": "ar", "header": {"leftAction": {"icon": "home"}}}))
    expect(chat.root.get_by_role("button", name="الرئيسية")).to_be_visible()


URDU = ("ur", "اسسٹنٹ کو پیغام لکھیں", "بھیجیں")
ARABIC = ("ar", "اكتب رسالة إلى المساعد", "إرسال")


@pytest.mark.parametrize(
    ("server", "locale", "placeholder", "send"),
    [
        pytest.param("stock", *URDU, id="stock-ur"),
        pytest.param("stock", *ARABIC, id="stock-ar"),
        pytest.param("natter", *URDU, id="natter-ur", marks=[pytest.mark.whole_path, pytest.mark.thorough]),
    ],
    indirect=["server"],
)
def test_right_to_left_languages_mirror_the_element(
    server: Server, page: Page, chat: Chat, locale: str, placeholder: str, send: str
) -> None:
    page.goto(server.url(options={"locale": locale}))
    box = chat.root.get_by_placeholder(placeholder)
    expect(box).to_be_visible()
    expect(chat.root.locator(".chat")).to_have_attribute("dir", "rtl")
    expect(chat.root.locator(".chat")).to_have_attribute("lang", locale)
    box.fill("say hello")
    chat.root.get_by_role("button", name=send).click()
    expect(chat.answers.last).to_contain_text("hello")
    bubble, log = chat.bubbles.last.bounding_box(), chat.root.locator(".log").bounding_box()
    assert bubble is not None
    assert log is not None
    assert bubble["x"] - log["x"] < 30  # what the reader wrote stands at the end of the line: on the left


def test_a_page_adds_a_language(stock: Server, page: Page, chat: Chat) -> None:
    page.goto(stock.url())
    page.evaluate(
        "import('/chatkit.js').then(({registerLocale}) => { registerLocale('de', {send: 'Senden'}); "
        "chat.setOptions({api: {url: '/chatkit', domainKey: 'x'}, locale: 'de'}) })"
    )
    expect(chat.root.get_by_role("button", name="Senden")).to_be_visible()
    expect(chat.root.get_by_role("button", name="History", exact=True)).to_be_visible()
