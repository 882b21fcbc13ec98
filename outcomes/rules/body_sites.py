"""Places of bleeds as classes: what a person typed never leaves the centre, its class does."""

from __future__ import annotations

JOINTS = ("knee", "ankle", "elbow", "shoulder", "hip", "wrist")
WORDS = {
    "toe": "small joint", "finger": "small joint", "thumb": "small joint",
    "head": "head", "brain": "head", "cranial": "head", "cerebral": "head", "skull": "head",
    "eye": "head", "throat": "neck", "neck": "neck", "nose": "nose or mouth", "nasal": "nose or mouth",
    "epistaxis": "nose or mouth", "mouth": "nose or mouth", "gum": "nose or mouth", "tooth": "nose or mouth",
    "dental": "nose or mouth", "tongue": "nose or mouth", "oral": "nose or mouth",
    "iliopsoas": "muscle", "psoas": "muscle", "muscle": "muscle", "calf": "muscle", "thigh": "muscle",
    "forearm": "muscle", "gastrointestinal": "gastrointestinal", "bowel": "gastrointestinal",
    "stomach": "gastrointestinal", "abdom": "abdomen", "kidney": "urinary", "urinary": "urinary",
    "urine": "urinary", "skin": "skin", "bruise": "skin",
}  # fmt: skip


def site_class(typed: str, joint: bool) -> str:
    """The class of a typed place.

    >>> site_class("Left KNEE, at football", True), site_class("where it hurt", False)
    ('knee', 'other')
    """
    told = typed.lower()
    if joint:
        return next((j for j in JOINTS if j in told), "other joint")
    known = {**{j: f"{j} area" for j in JOINTS}, **WORDS}
    return next((known[word] for word in known if word in told), "other")
