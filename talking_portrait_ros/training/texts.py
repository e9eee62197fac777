"""What the synthesised voices say: sentences written for this project, and sentences from lists.

The aim is every sound of the languages in many neighbourhoods, not meaning.
"""

from __future__ import annotations

import numpy as np

ENGLISH_PARTS: tuple[tuple[str, ...], ...] = (
    ("My brother", "The old farmer", "Every poor baby", "A foolish man", "Your father",
     "This happy woman", "Our voice teacher", "The quiet pilot", "A very small mouse",
     "Both people upstairs", "The judge", "Nobody here", "That young boy", "Their other child"),
    ("may have found", "would often borrow", "never saw", "might buy", "always brushes",
     "put away", "should measure", "began to push", "will surely move", "has thrown out",
     "wants to keep", "could not believe in", "laughed about", "carefully opened", "chose"),
    ("a huge blue box", "five empty bottles", "the shiny boat", "some warm bread and jam",
     "the bottom of the river", "a beautiful image", "two pairs of shoes", "the usual program",
     "a yellow flower", "the heavy paper bag", "one thousand photographs", "that good book",
     "the map of the valley", "a cup of coffee with milk", "those three funny thoughts"),
    ("before the movie.", "on Monday morning.", "for a while.", "with both hands.",
     "near the farm.", "by the open window.", "without any fuss.", "after a long pause.",
     "in the park, perhaps.", "because of the weather.", "at half past four.", "again and again.",
     "from above!", "somewhere in Europe.", "if you ask me."),
)  # fmt: skip

ENGLISH_SENTENCES: tuple[str, ...] = (
    "Hello, and welcome. How may I help you today?",
    "Put the blue cup by the big map, please, and bring me five more.",
    "Seven, eight, nine, ten. One, two, three, four, five, six.",
    "Oh no! What have you done to my favourite umbrella?",
    "We were away a year ago, and you know how we moved.",
    "She sells fresh fish and chips at the shop by the church.",
    "Well, I think that the weather will be rather warm this week.",
    "Yes. No. Maybe. Of course, I would love to.",
    "The robot slowly turned its head, looked up, and smiled at everybody.",
    "A, B, C, D, E, F, G. Now you go on from here.",
    "Papa bought a pumpkin pie, and mama baked a plum pudding.",
    "Vivid violet flowers cover the five valleys before the frost.",
)

OTHER_SENTENCES: dict[str, tuple[str, ...]] = {
    "de": (
        "Guten Morgen, wie kann ich Ihnen heute helfen?",
        "Meine Mutter kaufte fünf frische Brötchen und eine Tüte Äpfel.",
        "Wir fuhren über die Brücke, bevor der Regen begann.",
        "Ob das Wetter morgen besser wird, weiß leider niemand genau.",
        "Bitte öffnen Sie das Fenster, hier ist es viel zu warm.",
        "Eins, zwei, drei, vier, fünf, sechs, sieben, acht, neun, zehn.",
    ),
    "fr": (
        "Bonjour, comment puis-je vous aider aujourd'hui?",
        "Ma petite sœur a mangé un bon morceau de pain avec du beurre.",
        "Nous avons vu beaucoup de bateaux bleus sur la rivière.",
        "Peut-être que la pluie va bientôt finir, je ne sais pas.",
        "Ouvrez la fenêtre, s'il vous plaît, il fait vraiment chaud ici.",
    ),
    "es": (
        "Buenos días, ¿en qué puedo ayudarle hoy?",
        "Mi hermano pequeño compró cinco manzanas y un poco de pan.",
        "Vimos muchos barcos blancos por el río antes de la lluvia.",
        "Por favor, abra la ventana, hace demasiado calor aquí.",
        "Uno, dos, tres, cuatro, cinco, seis, siete, ocho, nueve, diez.",
    ),
    "it": (
        "Buongiorno, come posso aiutarla oggi?",
        "Mia madre ha comprato cinque mele fresche e un po' di pane.",
        "Abbiamo visto molte barche bianche prima della pioggia.",
        "Per favore, apra la finestra, qui fa troppo caldo.",
    ),
    "nl": (
        "Goedemorgen, hoe kan ik u vandaag helpen?",
        "Mijn broer kocht vijf verse broodjes en een zak appels.",
        "We voeren onder de brug door voordat de regen begon.",
        "Doe alstublieft het raam open, het is hier veel te warm.",
    ),
    "pt": (
        "Bom dia, como posso ajudar o senhor hoje?",
        "A minha mãe comprou cinco maçãs e um pouco de pão fresco.",
        "Vimos muitos barcos brancos no rio antes da chuva.",
        "Por favor, abra a janela, aqui faz calor demais.",
    ),
    "pl": (
        "Dzień dobry, w czym mogę dzisiaj pomóc?",
        "Moja mama kupiła pięć jabłek i trochę świeżego chleba.",
        "Widzieliśmy wiele białych łodzi przed burzą.",
        "Proszę otworzyć okno, tutaj jest bardzo ciepło.",
    ),
    "ru": (
        "Доброе утро, чем я могу вам помочь сегодня?",
        "Моя мама купила пять яблок и немного свежего хлеба.",
        "Мы видели много белых лодок перед дождём.",
        "Пожалуйста, откройте окно, здесь очень жарко.",
    ),
}


def english(generator: np.random.Generator) -> str:
    """An English sentence: written, or put together from lists."""
    if generator.random() < 0.25:
        return str(generator.choice(ENGLISH_SENTENCES))
    return " ".join(str(generator.choice(part)) for part in ENGLISH_PARTS)


def sentence(language: str, generator: np.random.Generator) -> str:
    """A sentence in `language` ("de", "fr", ...; anything else is English)."""
    if language in OTHER_SENTENCES:
        return " ".join(generator.choice(OTHER_SENTENCES[language], 2, replace=False))
    return english(generator)
