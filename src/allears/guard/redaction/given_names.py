"""Common given names of six languages and some neighbours, for the general name rule.

Left out on purpose: names that are also words, months, places or brands seen every day in messages
(Will, Mark, Grace, April, Paris, Jordan, Victoria, Alexa, Chase). The customer's own names need no list.
"""

from __future__ import annotations

_ENGLISH = """
Aaron Abigail Adam Addison Adrian Aidan Aiden Alan Albert Alex Alexander Alfred Alice Alicia Alison Allan
Allen Allison Alyssa Amanda Amelia Amy Andrea Andrew Andy Angela Angie Anita Ann Anna Annabelle Anne Annette
Annie Anthony Antony Archie Arlene Arnold Arthur Ashley Audrey Ava Barbara Beatrice Becky Ben Benjamin
Bernard Bernice Bertha Beth Bethany Betty Beverly Billy Bob Bobby Bonnie Brad Bradley Brandi Brandon Brandy
Brenda Brendan Brent Brett Brian Bridget Brittany Bruce Bryan Bryce Caitlin Caleb Callum Calvin Carl Carla
Carmen Carol Carole Caroline Carolyn Carrie Casey Catherine Cathy Cecilia Cedric Charles Charlie Cheryl
Chester Chloe Chris Christian Christina Christine Christopher Christy Cindy Claire Clara Clare Clarence
Claudia Clayton Clifford Clive Clyde Cody Colin Colleen Connie Connor Constance Corey Courtney Craig
Cristina Curtis Cynthia Damian Damien Dan Daniel Daniela Danielle Danny Darlene Darren Darryl Daryl Dave
David Deanna Debbie Deborah Debra Declan Denise Dennis Derek Derrick Diana Diane Dianne Dominic Donald Donna
Doris Dorothy Doug Douglas Duane Duncan Dustin Dwayne Dylan Eddie Edgar Edith Edmund Edna Edward Edwin
Eileen Elaine Eleanor Elena Eli Elijah Elisabeth Elizabeth Ella Ellen Ellie Elliot Elliott Elsie Emily Emma
Eric Erica Erika Erin Ernest Esther Ethan Ethel Eugene Eva Evan Evelyn Fiona Frances Francis Frank Fred
Freddie Frederick Gail Gareth Gary Gavin Gemma Geoff Geoffrey George Gerald Geraldine Gertrude Gilbert Gina
Glen Glenda Glenn Gloria Gordon Graham Greg Gregory Gwen Hailey Hannah Harold Harriet Harry Heather Hector
Heidi Helen Henry Herbert Herman Hilary Hollie Hugh Hugo Ian Ida Irene Isaac Isabel Isabella Isabelle Isla
Ivan Jack Jackie Jacob Jacqueline Jake James Jamie Jane Janet Janice Jared Jason Jayden Jean Jeff Jeffrey
Jen Jenna Jennie Jennifer Jenny Jeremy Jerome Jerry Jesse Jessica Jessie Jill Jim Jimmy Joan Joann Joanna
Joanne Jodie Joe Joel Joey John Johnny Jon Jonathan Joseph Josephine Josh Joshua Joyce Juan Juanita Judith
Judy Julia Julian Julie Justin Kaitlyn Karen Karl Kate Katelyn Katherine Kathleen Kathryn Kathy Katie
Katrina Kayla Kaylee Keith Kelly Kelsey Ken Kenneth Kenny Kerry Kevin Kieran Kim Kimberly Kirsty Kristen
Kristi Kristin Kristina Kurt Kyle Larry Laura Lauren Laurie Lawrence Leah Leo Leon Leonard Leroy Leslie
Lester Lewis Liam Lillian Lily Linda Lindsay Lindsey Lisa Lois Loretta Lori Lorraine Louis Louise Lucas Lucy
Luis Luke Lydia Lynn Mabel Maggie Malcolm Mandy Marcia Marcus Margaret Margie Maria Marian Marie Marilyn
Marion Marjorie Marlene Marsha Martha Martin Marvin Mary Mathew Matt Matthew Maureen Maurice Maxwell Megan
Melanie Melinda Melissa Melvin Meredith Mia Michael Michele Michelle Miguel Mike Mildred Milton Miranda
Miriam Mitchell Mohamed Mohammad Mohammed Molly Monica Muhammad Muriel Myrtle Nadine Nancy Naomi Natalie
Natasha Nathan Nathaniel Neil Nicholas Nick Nicola Nicolas Nicole Nigel Nina Noah Noel Nora Norman Oliver
Olivia Omar Oscar Owen Pamela Patricia Patrick Patsy Paul Paula Pauline Peggy Percy Perry Pete Peter Phil
Philip Philippa Phillip Phoebe Phyllis Polly Priscilla Rachel Ralph Ramona Randall Randy Raymond Rebecca
Reginald Renee Rhonda Rhys Ricardo Richard Rick Ricky Rita Rob Robert Roberta Roberto Robin Robyn Rodney
Roger Roland Ron Ronald Ronnie Rory Rosemary Rosie Roxanne Roy Russell Ruth Ryan Sally Sam Samantha Samuel
Sandra Sara Sarah Scott Sean Sebastian Seth Shane Shannon Sharon Shaun Shawn Sheila Shelley Shelly Sherry
Shirley Sidney Silvia Simon Sofia Sonia Sophia Sophie Stacey Stacy Stella Stephanie Stephen Steve Steven
Stewart Stuart Sue Susan Susie Suzanne Sylvia Tamara Tammy Tanya Tara Terence Teresa Terri Terry Thelma
Theodore Theresa Thomas Tiffany Tim Timothy Tina Todd Tom Tommy Toni Tony Tracey Traci Tracy Travis Trevor
Tristan Tyler Tyrone Ursula Valerie Vanessa Vera Vernon Veronica Vicki Vickie Vicky Victor Vincent Virgil
Vivian Wade Walter Wanda Warren Wayne Wesley Wilbur Willard William Willie Wilma Winifred Xavier Yolanda
Yvonne Zach Zachary Zoe
"""
_ITALIAN = """
Adele Agnese Alberto Aldo Alessandra Alessandro Alessia Alessio Alfio Alfonso Alfredo Ambra Amedeo Angelica
Angelo Annalisa Antonella Antonio Arianna Bianca Bruna Bruno Camilla Carlo Carlotta Carmela Caterina Chiara
Ciro Claudio Concetta Corrado Cosimo Cristian Cristiano Dario Davide Debora Domenico Donatella Edoardo Elisa
Elisabetta Emanuela Emanuele Emilio Enrico Enzo Ermanno Ettore Eugenia Eugenio Fabiana Fabio Fabrizio
Federica Federico Ferdinando Filippo Flavia Flavio Franca Francesca Francesco Franco Gabriele Gaetano
Gennaro Giacomo Giada Gianluca Gianna Gianni Gigi Ginevra Giorgia Giorgio Giovanna Giovanni Giulia Giuliana
Giuliano Giulio Giuseppe Giuseppina Greta Guido Ilaria Irma Ivana Ivano Ivo Leonardo Letizia Lidia Loredana
Lorenzo Luca Lucia Luciana Luciano Lucrezia Ludovica Luigi Luisa Maddalena Manuela Manuele Marcello Marco
Margherita Mariangela Mario Marisa Marta Martina Massimiliano Massimo Matilde Matteo Maurizio Mauro
Mirella Mirko Nadia Nicoletta Nicolò Noemi Oreste Ornella Osvaldo Paola Paolo Pasquale Patrizia Pierluigi
Piero Pietro Raffaele Raffaella Renata Renato Riccardo Rocco Rosanna Rosaria Rossella Ruggero Sabrina
Salvatore Samuele Sandro Santina Serena Sergio Silvana Silvano Silvio Simona Simone Stefania Stefano Tiziana
Tiziano Tommaso Ugo Umberto Valentina Valentino Valeria Valerio Vincenzo Vito Vittoria Vittorio
"""
_GERMAN = """
Achim Alexandra Alina Andreas Anja Anke Anneliese Annika Antje Armin Arne Astrid Axel Bastian Beate Benedikt
Bernd Bernhard Bettina Birgit Björn Brigitte Bärbel Carina Carsten Christa Christel Christiane Christoph
Claus Clemens Cornelia Dagmar Detlef Dieter Dietmar Dirk Dominik Doreen Dorothea Eberhard Eckhard Elfriede
Elke Erich Ernst Erwin Felix Ferdinand Florian Franz Franziska Frauke Friedrich Fritz Gerd Gerda Gerhard
Gisela Gottfried Gudrun Günter Günther Hanna Hannelore Hannes Hans Harald Hartmut Heike Heiko Heiner
Heinrich Heinz Helga Helmut Hendrik Henrik Hermann Hilde Hildegard Holger Horst Ilse Ines Inga Inge Ingo
Ingrid Irmgard Jana Jens Joachim Jochen Johann Johanna Johannes Jonas Josef Julius Jutta Jörg Jürgen Karin
Karla Karlheinz Karsten Katharina Kathrin Katja Katrin Kerstin Klara Klaus Konrad Konstantin Lars Lena
Leonie Lieselotte Lothar Ludwig Lukas Lutz Manfred Manuel Marcel Mareike Margarete Margit Marianne Marlies
Marlon Mathias Matthias Maximilian Meike Michaela Mona Monika Moritz Nadja Nele Nils Norbert Olaf Otto Peer
Petra Philipp Rainer Ralf Reiner Reinhard Renate René Roswitha Rudi Rudolf Rüdiger Sabine Saskia Siegfried
Sigrid Silke Sina Stefan Stefanie Steffen Susanne Sven Svenja Swantje Tanja Theo Thorsten Tobias Torsten Udo
Ulf Ulrich Ulrike Ute Uwe Veit Verena Volker Waltraud Werner Wilfried Wilhelm Wolfgang Yannick
"""
_FRENCH = """
Adrien Agathe Agnès Alain Albane Alexandre Alexis Aline Amandine Amélie Anaïs André Anne-Marie Antoine
Arnaud Aurélie Aurélien Baptiste Bastien Benoît Bernadette Bertrand Béatrice Camille Capucine Chantal
Christelle Christophe Clotilde Clémence Clément Colette Corentin Corinne Cyril Cécile Cédric Célia Céline
Danièle Delphine Denis Didier Dimitri Dominique Edouard Emilie Emmanuel Emmanuelle Estelle Fabien Fabrice
Florent Francine François Françoise Frédéric Frédérique Gaston Gauthier Gaël Gaëlle Geneviève Georges
Ghislaine Gilles Ginette Guillaume Gustave Gérard Henri Hervé Huguette Hélène Inès Irène Jacques Jean-Claude
Jean-François Jean-Luc Jean-Marc Jean-Michel Jean-Paul Jean-Pierre Jeanne Jeannine Josette Josiane Joëlle
Julien Juliette Justine Jérémy Jérôme Karine Laetitia Laure Laurence Laurent Liliane Lola Louane Loïc Luc
Lucie Lucien Ludovic Lydie Léa Madeleine Magali Manon Marc Marcelle Margaux Marguerite Marie-Christine
Martine Mathieu Mathilde Matthieu Maxime Maëlle Michel Michèle Mireille Monique Morgane Myriam Nathalie
Noémie Océane Odette Odile Olivier Pascal Pascale Patrice Paulette Philippe Pierre Pierrette Quentin Raphaël
Raymonde Romain Régine Rémi Rémy Sandrine Solange Solène Stéphane Stéphanie Sylvain Sylvie Sébastien
Ségolène Séverine Thibault Thierry Théo Thérèse Timothée Valentin Valérie Virginie Véronique Yann Yves
Yvette Yvon Édith Édouard Élise Élodie Émile Émilie Éric Étienne
"""
_IBERIAN = """
Abel Adela Adolfo Adriana Adriano Afonso Agustín Ainhoa Alejandra Alejandro Alonso Alvaro Ana Anabel Andrés
Antonia António Antônio Araceli Armando Arturo Ascensión Aurelio Beatriz Begoña Belén Benito Bernardo
Caetano Carlos Catalina Catarina Conceição Concepción Cristóbal Cátia César Diego Diogo Dolores
Duarte Débora Edson Eduarda Eduardo Eliana Elías Enrique Ernesto Esteban Estefanía Eusebio Felipe Fernanda
Fernando Filipa Filipe Flávia Flávio Francisca Francisco Fátima Félix Gabriel Gabriela Gerardo Germán
Gilberto Giovana Gonzalo Gonçalo Graciela Gregorio Guilherme Guillermo Gustavo Heitor Helena Hernán Ignacio
Inmaculada Inés Inês Iria Isaías Ismael Ivone Jaime Javier Jerónimo Jesús Jimena Joana Joaquim Joaquín Jorge
Josefa Josefina José João Juana Juliana Juliano Julián Jéssica Júlio Karina Laercio Larissa Leandro
Leonor Leticia Letícia Lorena Lucía Luiz Luiza Lurdes Luís Luísa Lúcia Macarena Mafalda Marcela Marcelo
Marcos Margarida Margarita Mariana Mariano Maribel Marisol Martín María Mateo Mateus Matías Mauricio
Maurício Montserrat Márcia Márcio Mário Mónica Mônica Natalia Natália Nerea Nicolás Nuno Nuria Nélida Núria
Octavio Otávio Pablo Paco Paloma Patrícia Paulo Pedro Pepe Pilar Purificación Rafael Rafaela Ramiro Ramón
Raquel Raúl Renan Rocío Rodolfo Rodrigo Rogelio Rogério Rosalía Rosário Rubén Rui Sancho Saúl Sofía Susana
Sérgio Sílvia Sônia Tatiana Telma Tereza Thiago Tiago Tomás Tânia Valentín Vanesa Verónica Vicente Vitor
Víctor Vítor Wagner Ximena Zulmira Álvaro Ángel Ángela Ángeles Óscar
"""
_OTHERS = """
Aarav Abdul Abdullah Abebe Adebayo Aditi Aditya Adnan Agata Agnieszka Ahmad Ahmed Aisha Ajay Akira
Aleksandar Aleksander Aleksandr Aleksandra Alena Aleš Ali Alisa Aman Amina Amir Amira Amit Ananya Anastasia
Anders Anil Anjali Ann-Marie Anneke Annelies Anouk Anton Anya Ariel Arjun Arun Ashok Asma Aya Ayesha Ayşe
Bart Bartosz Beata Bilal Björk Boris Bram Branislav Carlijn Chen Chidi Chinedu Daan Daria Darya Deepak
Deepika Dejan Deniz Dimitar Dimitris Dmitri Dmitry Dorota Dragan Edita Eirik Ekaterina Elif Elina Emeka Emil
Emre Erik Eszter Ewa Fadi Faisal Farah Farid Fatima Fatma Fedor Femke Ferenc Filip Fredrik Galina Ganesh
Gauri Georgi Giorgos Goran Grzegorz Gunnar Gábor Habib Hadi Haruka Haruto Hasan Hassan Hiroshi Hussein
Ibrahim Igor Ilya Imran Ingeborg Irina Ismail István Iveta Iwona Jakub Jamal Jarosław Jasper Jelena Jeroen
Jesper Jiří Johan Joost Joris Jovana Kamal Kamil Karim Katarina Katarzyna Kavita Keiko Kenji Khalid Kjell
Koen Krzysztof Lakshmi Lamia Layla Leila Lidija Lieke Linnea Ljubica Maarten Maciej Magdalena Magnus Mahmoud
Maja Manish Manoj Mansour Marek Mariam Marija Marijke Marit Marko Matej Mateusz Małgorzata Mehmet Michał
Mikael Mikhail Milena Milica Miloš Minh Miroslav Mohan Mustafa Nabil Naoko Nasser Natalya Neha Nguyen Niels
Nikhil Nikita Nikola Nikolai Nikolaos Nobuko Noor Nour Nuray Oksana Oleg Oleksandr Olena Olga Ondřej Oskar
Pavel Paweł Pelle Petr Petros Pieter Piotr Pooja Pradeep Prakash Pranav Priya Péter Radek Rahul Raj Rajesh
Rakesh Ramesh Rania Rashid Ravi Reza Rohan Rohit Ruben Sadia Saeed Salma Samir Sandeep Sander Sanjay Sanna
Satoshi Shreya Siddharth Sigurd Simran Sjoerd Slavica Snežana Sofie Sonja Stanislav Stanisław Stijn Sunil
Suresh Svetlana Szymon Søren Tadeusz Takashi Tamás Tariq Tatjana Tomasz Tomoko Tomáš Tuan Tuomas Umar Uroš
Usha Vanja Vasily Venkat Vesna Vijay Vikram Viktor Viktoria Vinay Vishal Vitaly Vladimir Wiktoria Willem
Wioletta Wojciech Xiao Yael Yasmin Yosef Youssef Yuki Yulia Yuri Yusuf Zainab Zbigniew Zdeněk Zeynep Zofia
Zoltán Zsófia Özlem Łukasz
"""

GIVEN_NAMES: frozenset[str] = frozenset(
    " ".join((_ENGLISH, _ITALIAN, _GERMAN, _FRENCH, _IBERIAN, _OTHERS)).split()
)
