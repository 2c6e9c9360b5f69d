"""Short word lists of the rehearsal: spellings, names outside the census lists, streets."""

from __future__ import annotations

from typing import Final

__all__ = [
    "OTHER_FIRST_NAMES",
    "OTHER_LAST_NAMES",
    "PRACTICE_NAMES",
    "PRACTICE_TAILS",
    "PROCEDURES",
    "SPANISH_FIRST_NAMES",
    "SPANISH_LAST_NAMES",
    "SPELLINGS",
    "STREET_SUFFIXES",
    "STREET_WORDS",
]

SPELLINGS: Final[dict[str, str]] = {
    "OBRIEN": "O'Brien", "ONEAL": "O'Neal", "ONEILL": "O'Neill", "OCONNOR": "O'Connor",
    "OCONNELL": "O'Connell", "ODONNELL": "O'Donnell", "OHARA": "O'Hara", "OLEARY": "O'Leary",
    "OKEEFE": "O'Keefe", "OREILLY": "O'Reilly", "OTOOLE": "O'Toole", "OMALLEY": "O'Malley",
    "DANGELO": "D'Angelo", "DAMICO": "D'Amico", "DELACRUZ": "de la Cruz",
    "DELAROSA": "de la Rosa", "DELEON": "de León", "VANDERBERG": "van der Berg",
    "VANDYKE": "Van Dyke", "STJOHN": "St. John", "STCLAIR": "St. Clair",
    "GARCIA": "García", "MARTINEZ": "Martínez", "RODRIGUEZ": "Rodríguez", "LOPEZ": "López",
    "GONZALEZ": "González", "PEREZ": "Pérez", "SANCHEZ": "Sánchez", "RAMIREZ": "Ramírez",
    "GOMEZ": "Gómez", "DIAZ": "Díaz", "GUTIERREZ": "Gutiérrez", "NUNEZ": "Núñez",
    "MUNOZ": "Muñoz", "PENA": "Peña", "JIMENEZ": "Jiménez", "FERNANDEZ": "Fernández",
    "RENEE": "Renée", "ZOE": "Zoë", "ANDRE": "André", "JOSE": "José",
    "JESUS": "Jesús", "SOFIA": "Sofía",
}  # fmt: skip

SPANISH_LAST_NAMES: Final = (
    "GARCIA", "MARTINEZ", "RODRIGUEZ", "HERNANDEZ", "LOPEZ", "GONZALEZ", "PEREZ", "SANCHEZ",
    "RAMIREZ", "TORRES", "FLORES", "RIVERA", "GOMEZ", "DIAZ", "REYES", "CRUZ", "MORALES",
    "ORTIZ", "GUTIERREZ", "CHAVEZ", "RAMOS", "RUIZ", "ALVAREZ", "CASTILLO", "VASQUEZ", "MENDOZA",
    "JIMENEZ", "ROMERO", "HERRERA", "MEDINA", "AGUILAR", "VARGAS", "CASTRO", "FERNANDEZ",
    "GUZMAN", "MUNOZ", "SALAZAR", "SOTO", "DELGADO", "PENA", "RIOS", "NUNEZ", "DELACRUZ",
)  # fmt: skip

SPANISH_FIRST_NAMES: Final = (
    ["María", "Guadalupe", "Lucía", "Sofía", "Ximena", "Valentina", "Inés", "Concepción",
     "Rocío", "Araceli", "Camila", "Graciela", "Itzel", "Marisol", "Belén", "Verónica"],
    ["José", "Jesús", "Juan Carlos", "Luis", "Ángel", "Andrés", "Martín", "Ramón", "Julián",
     "Adrián", "Joaquín", "Emiliano", "Héctor", "Rubén", "Matías", "Raúl"],
)  # fmt: skip

OTHER_FIRST_NAMES: Final = [
    "Chloé", "Søren", "Siân", "Łucja", "Mei-Ling", "Jean-Luc", "Anne-Marie", "Ngọc", "D'Andre",
    "La'Keisha", "Björn", "Oğuz", "李伟", "Ольга", "محمد", "Mary Jo", "Xóchitl", "Aoife",
]  # fmt: skip

OTHER_LAST_NAMES: Final = [
    "de la Cruz", "van der Berg", "von Trapp", "St. James", "Nguyễn", "Al-Masri", "O'Sullivan",
    "D'Agostino", "Müller", "Åkesson", "Łukasik", "Çelik", "Smith-Jones", "Ben David", "Đặng",
    "王", "Иванова", "الحسن", "Dos Santos", "Ó Briain", "MacDonald", "Saint-Pierre",
]  # fmt: skip

STREET_WORDS: Final = [
    "Main", "Oak", "Maple", "Cedar", "Park", "Pine", "Elm", "Washington", "Lake", "Hill",
    "Walnut", "Spring", "North", "Ridge", "Church", "Willow", "Mill", "Sunset", "Railroad",
    "Jackson", "Cherry", "Highland", "Dogwood", "Meadow", "Forest", "River", "Franklin",
    "Hickory", "Chestnut", "Birch", "Valley View", "Old Mill", "Martin Luther King", "Poplar",
    "Laurel", "Locust", "County Road 12", "Magnolia", "Sycamore", "Aspen", "Fox Run", "Prairie",
]  # fmt: skip

STREET_SUFFIXES: Final = (
    ("Street", "St"), ("Avenue", "Ave"), ("Drive", "Dr"), ("Road", "Rd"), ("Lane", "Ln"),
    ("Court", "Ct"), ("Circle", "Cir"), ("Boulevard", "Blvd"), ("Place", "Pl"), ("Way", "Way"),
)  # fmt: skip

PRACTICE_NAMES: Final = (
    "Bright Smiles", "Smile", "Family First", "Lakeside", "Sunrise", "Gentle Care", "Riverside",
    "Cornerstone", "Parkview", "Evergreen", "Harbor", "Summit", "Pearl", "Maplewood", "Premier",
)  # fmt: skip

PRACTICE_TAILS: Final = {
    "dental": ("Dental", "Dentistry", "Dental Care", "Family Dental", "Orthodontics"),
    "clinic": ("Family Medicine", "Clinic", "Medical Group", "Pediatrics", "Internal Medicine"),
}

PROCEDURES: Final = {
    "dental": ("Cleaning", "Exam, periodic", "Filling", "Crown prep", "X-ray, bitewing"),
    "clinic": ("Office visit", "Physical exam", "Lab work", "Vaccination", "Follow-up, chronic"),
}
